"""What strace has written down of a program: its calls that change files, in their order."""

import re
from dataclasses import dataclass

from report import Failed

# Everything that changes what a directory holds, and `lseek`, which says where `write` writes.
TRACED = (
    "openat,creat,lseek,write,pwrite64,writev,pwritev,pwritev2,sendfile,splice,copy_file_range,"
    "ftruncate,truncate,fallocate,fsync,fdatasync,sync,syncfs,sync_file_range,msync,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat"
)
# Those that the disk has a model of.
MODELLED = {"openat", "lseek", "write", "pwrite64", "ftruncate", "fsync", "fdatasync"}
MODELLED |= {"rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"}

CALL = re.compile(r"(\d+\.\d+) (\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?(?: .*)?")
STRING = re.compile(r'"([^"]*)"(\.*)')
PLACE = re.compile(r"(-?\d+|AT_FDCWD)<([^>]*)>")


@dataclass
class Step:
    """A call: when it began, by the wall clock, and what it does to which paths."""

    at: float
    kind: str
    path: str
    other: str = ""
    offset: int = 0
    data: bytes = b""


def tracer(prefix):
    """Returns what is put in front of a command to have it written down in files `prefix.TID`."""
    return ["strace", "-ff", "-y", "-ttt", "-xx", "-s", "1000000", "-o", prefix, "-e", TRACED]


def read(files, root):
    """Reads what all threads of one process did below a directory."""
    lines = []
    for file in files:
        for line in file.read_text().splitlines():
            # A call that a signal cut short has no end and no result.
            if found := CALL.fullmatch(line):
                lines.append(found)
    lines.sort(key=lambda line: float(line.group(1)))
    reader = Reader(root)
    return [step for line in lines for step in reader.steps(*line.groups())]


def plain(text):
    """Undoes how strace writes strings."""
    return bytes.fromhex(text.replace("\\x", ""))


def path_of(text):
    """Undoes how strace writes the paths of descriptors."""
    return plain(text).decode() if text.startswith("\\x") else text


class Reader:
    """Makes steps of calls; knows where in a file each descriptor is."""

    def __init__(self, root):
        self._root = f"{root}/"
        self._positions = {}

    def steps(self, at, call, arguments, result, opened):
        """Returns what a call did."""
        result = int(result)
        if result < 0:
            return
        strings = STRING.findall(arguments)
        # Without what is written, which is long.
        rest = STRING.sub('""', arguments)
        places = [(fd, path_of(path)) for fd, path in PLACE.findall(rest)]
        paths = self._paths(call, places, strings, opened)
        if not any(self._concerns(path) for path in paths):
            return
        if call not in MODELLED or any(more for _, more in strings):
            raise Failed(f"there is no model of {call}({arguments[:80]}..)")
        step = Step(float(at), call.removesuffix("2").removesuffix("at"), paths[0])
        numbers = [int(number) for number in re.findall(r", (\d+)(?=,|$)", rest)]
        fd = places[0][0] if places else None
        match call:
            case "openat":
                self._positions[str(result)] = 0
                if "O_TRUNC" in arguments:
                    raise Failed(f"there is no model of O_TRUNC: {paths[0]}")
                if "O_CREAT" not in arguments:
                    return
                step.kind = "create"
            case "lseek":
                self._positions[fd] = result
                return
            case "write":
                step.offset, step.data = self._positions[fd], plain(strings[0][0])[:result]
                self._positions[fd] += result
            case "pwrite64":
                step.kind, step.offset = "write", numbers[-1]
                step.data = plain(strings[0][0])[:result]
            case "ftruncate":
                step.kind, step.offset = "cut", numbers[-1]
            case "fsync" | "fdatasync":
                step.kind = "sync"
            case "unlink" | "unlinkat":
                step.kind = "unlink"
            case _:
                step.other = paths[1]
        yield step

    def _concerns(self, path):
        # What has no name any more isn't there after a power cut.
        return path.startswith(self._root) and not path.endswith(" (deleted)")

    def _paths(self, call, places, strings, opened):
        if call == "openat":
            return [path_of(opened)]
        if call.startswith(("rename", "link", "unlink", "symlink", "truncate")):
            names = [plain(name).decode() for name, _ in strings]
            pairs = zip([path for _, path in places] or names, names, strict=False)
            return [name if name.startswith("/") else f"{base}/{name}" for base, name in pairs]
        return [path for _, path in places]
