"""Puts all mutants of a file into it, each behind a switch: one build has them all."""

import tree_sitter
import tree_sitter_rust

RUST = tree_sitter.Language(tree_sitter_rust.language())

# What asks whether a mutant is the one that runs; the command appends it to the library.
SWITCH = "crate::mutant::runs"
MODULE = '''
#[allow(missing_docs, unreachable_pub)]
pub mod mutant {
    use std::sync::LazyLock;
    static RUNS: LazyLock<Option<u32>> =
        LazyLock::new(|| std::env::var("MUTANT").ok()?.parse().ok());
    #[inline(never)]
    pub fn runs(number: u32) -> bool {
        *RUNS == Some(number)
    }
}
'''


class Weaver:
    """One file with its mutants, as `cargo mutants --list --json` tells them."""

    def __init__(self, source, mutants):
        self.source = source.encode()
        lines = source.splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line.encode()))

        def offset(point):
            line = lines[point["line"] - 1] if point["line"] <= len(lines) else ""
            return starts[point["line"] - 1] + len(line[: point["column"] - 1].encode())

        self.places = {}
        self.woven = set()
        for number, mutant in mutants.items():
            span = mutant["span"]
            place = (mutant["genre"], offset(span["start"]), offset(span["end"]))
            self.places.setdefault(place, []).append((number, mutant["replacement"]))

    def weave(self):
        """Returns the text with its mutants, and the numbers of those that are in it."""
        tree = tree_sitter.Parser(RUST).parse(self.source)
        return self.node(tree.root_node).decode(), self.woven

    def take(self, genre, start, end=None):
        """Takes the mutants of a kind that begin, and end, there."""
        taken = []
        for place, found in self.places.items():
            if place[:2] == (genre, start) and end in (None, place[2]):
                taken += [(number, text.encode()) for number, text in found]
        self.woven |= {number for number, _ in taken}
        return taken

    def plain(self, node):
        return self.source[node.start_byte : node.end_byte]

    def node(self, node):
        parts, at = [], node.start_byte
        for child in node.children:
            parts += [self.source[at : child.start_byte], self.node(child)]
            at = child.end_byte
        text = b"".join(parts) + self.source[at : node.end_byte]
        change = getattr(self, node.type, None)
        return change(node, text) if change else text

    def choose(self, branches, text):
        """Of several mutants in one place at most one runs, and nothing else is changed then."""
        for number, other in branches:
            text = b"if %s(%d) { %s } else { %s }" % (SWITCH.encode(), number, other, text)
        return b"(%s)" % text if branches else text

    def binary_expression(self, node, text):
        operator = node.child_by_field_name("operator")
        left, right = (self.plain(node.child_by_field_name(it)) for it in ("left", "right"))
        taken = self.take("BinaryOperator", operator.start_byte)
        return self.choose([(n, b"%s %s %s" % (left, it, right)) for n, it in taken], text)

    compound_assignment_expr = binary_expression

    def unary_expression(self, node, text):
        taken = self.take("UnaryOperator", node.start_byte)
        inner = self.plain(node.children[-1])
        return self.choose([(number, inner) for number, _ in taken], text)

    def struct_expression(self, node, text):
        branches = []
        for field in node.child_by_field_name("body").children:
            for number, _ in self.take("StructField", field.start_byte):
                before = self.source[node.start_byte : field.start_byte]
                after = self.source[field.end_byte : node.end_byte].lstrip().removeprefix(b",")
                branches.append((number, before + after))
        return self.choose(branches, text)

    def function_item(self, node, text):
        body = node.child_by_field_name("body")
        first = next((it for it in body.children[1:] if "comment" not in it.type), None)
        # What the body begins with may be behind a comment that belongs to it.
        taken = []
        for child in body.children[1:]:
            taken += self.take("FnValue", child.start_byte)
        if not taken or first is None:
            return text
        returns = b"".join(
            b" if %s(%d) { return %s; }" % (SWITCH.encode(), number, value)
            for number, value in taken
        )
        head = self.source[node.start_byte : body.start_byte]
        opened = len(head) + 1
        return text[:opened] + returns + text[opened:]

    def match_arm(self, node, text):
        pattern = node.child_by_field_name("pattern")
        taken = [number for number, _ in self.take("MatchArm", node.start_byte)]
        guard = pattern.child_by_field_name("condition")
        switched = []
        if guard is not None:
            switched = self.take("MatchArmGuard", guard.start_byte, guard.end_byte)
        if not taken and not switched:
            return text
        rest = self.source[pattern.end_byte : node.end_byte]
        woven_rest = text[len(text) - self.length_behind(node, pattern) :] if rest else b""
        asked = b"!" + SWITCH.encode() + b"(%d)"
        conditions = [asked % number for number in taken]
        if guard is None:
            return self.plain(pattern) + b" if " + b" && ".join(conditions) + woven_rest
        whole = self.node(guard)
        for number, value in switched:
            runs = SWITCH.encode() + b"(%d)" % number
            whole = (
                b"(%s || (%s))" % (runs, whole)
                if value == b"true"
                else b"(!%s && (%s))" % (runs, whole)
            )
        conditions.append(whole)
        shape = self.source[pattern.start_byte : guard.start_byte].rstrip()
        shape = shape.removesuffix(b"if").rstrip()
        return shape + b" if " + b" && ".join(conditions) + woven_rest

    def length_behind(self, node, pattern):
        """Returns how long what is behind a pattern has become."""
        length, at = 0, pattern.end_byte
        for child in node.children:
            if child.start_byte < pattern.end_byte:
                continue
            length += child.start_byte - at + len(self.node(child))
            at = child.end_byte
        return length + node.end_byte - at
