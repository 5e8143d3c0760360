"""A disk whose power can go at any time: what it holds for sure, and what it may hold.

A file's content is there for sure once that file was synced, and a name once its directory was.
Of what was written since, any writes may be there, whole or in part by sectors, in any order. Of
the changes of a directory's names those up to some point are there: file systems keep a journal
of them. Nothing else orders anything: that ext4 makes a file's name durable with its content,
say, or writes a file's content before it is renamed over another one, isn't relied on.
"""

import hashlib
from pathlib import PurePath

SECTOR = 512


class File:
    """A file's content: what is durable, and what was done since."""

    def __init__(self, content=b""):
        self.durable = content
        self.pending = []

    def sync(self):
        """Makes all of it durable."""
        self.durable = self.content(self.pending)
        self.pending = []

    def content(self, steps):
        """Returns the content if only these steps of the pending ones come to the disk."""
        if not steps:
            return self.durable
        content = bytearray(self.durable)
        for kind, offset, data in steps:
            if kind == "cut":
                del content[offset:]
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        return bytes(content)


class Disk:
    """The files of a directory and of those below it, as a program sees them and as they are
    durable; some are there to begin with."""

    def __init__(self, files):
        self._names = {path: File(content) for path, content in files.items()}
        self._durable = dict(self._names)
        self._pending = {}  # of each directory, its changes since it was synced

    def apply(self, step):
        """Does what a program did; returns whether a power cut may leave something else now."""
        match step.kind:
            case "create":
                if step.path in self._names:
                    return False
                self._change(step.path, {step.path: File()})
            case "write":
                self._names[step.path].pending.append(("write", step.offset, step.data))
            case "cut":
                self._names[step.path].pending.append(("cut", step.offset, b""))
            case "sync":
                if step.path in self._names:
                    self._names[step.path].sync()
                else:
                    for change in self._pending.pop(step.path, []):
                        self._do(self._durable, change)
            case "rename":
                moved = self._names[step.path]
                self._change(step.path, {step.path: None, step.other: moved})
            case "link":
                self._change(step.other, {step.other: self._names[step.path]})
            case "unlink":
                self._change(step.path, {step.path: None})
        return True

    def settle(self):
        """Makes everything durable."""
        for directory in list(self._pending):
            for change in self._pending.pop(directory):
                self._do(self._durable, change)
        for file in self._names.values():
            file.sync()

    def _change(self, path, change):
        self._pending.setdefault(str(PurePath(path).parent), []).append(change)
        self._do(self._names, change)

    @staticmethod
    def _do(names, change):
        for path, file in change.items():
            if file is None:
                names.pop(path, None)
            else:
                names[path] = file

    def crash(self, names, writes):
        """Returns the files that a power cut leaves. `names` says how many of so many changes of
        a directory are there, `writes` which steps of a file's pending ones."""
        left = dict(self._durable)
        for changes in self._pending.values():
            for change in changes[: names(len(changes))]:
                self._do(left, change)
        return {path: file.content(writes(file.pending)) for path, file in left.items()}

    def crashes(self, chance, draws):
        """Returns files that a power cut may leave: the extremes, and some by chance."""
        yield self.crash(_none, _nothing)
        files = {*self._names.values(), *self._durable.values()}
        if not self._pending and not any(file.pending for file in files):
            return
        yield self.crash(_all, _everything)
        yield self.crash(_all, _nothing)
        yield self.crash(_none, _everything)
        yield self.crash(_all, lambda steps: [*steps[:-1], *torn(chance, steps[-1:])])
        yield self.crash(_all, lambda steps: torn(chance, steps[-1:]))
        for _ in range(draws):
            share = chance.choice((0.1, 0.5, 0.9))

            def some(steps, share=share):
                kept = [step for step in steps if chance.random() < share]
                whole = chance.random() < 0.5
                return kept if whole else [part for step in kept for part in torn(chance, [step])]

            yield self.crash(lambda count: chance.randint(0, count), some)


def _none(_):
    return 0


def _all(count):
    return count


def _nothing(_):
    return []


def _everything(steps):
    return steps


def torn(chance, steps):
    """Returns what is there of writes that the power cut, each with some of its sectors."""
    parts = []
    for kind, offset, data in steps:
        if kind == "cut":
            parts.append((kind, offset, data))
            continue
        edges = [0, *range(SECTOR - offset % SECTOR, len(data), SECTOR), len(data)]
        sectors = list(zip(edges, edges[1:], strict=False))
        # The first ones, mostly; a disk may write them in any order as well.
        first = chance.randint(0, len(sectors))
        kept = sectors[:first] if chance.random() < 0.7 else chance.sample(sectors, first)
        parts.extend(("write", offset + start, data[start:end]) for start, end in kept)
    return parts


def digest(files):
    """Tells states from each other."""
    hash = hashlib.blake2b(digest_size=16)
    for path, content in sorted(files.items()):
        hash.update(f"{path}\0{len(content)}\0".encode())
        hash.update(content)
    return hash.digest()
