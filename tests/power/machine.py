"""A small machine in QEMU, with a disk of its own, whose power can be cut."""

import queue
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import process
from report import Failed

# Long enough for a slow machine within a slow machine.
DEADLINE = 300

MODULES = ("virtio_pci", "virtio_blk", "ext4")
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mke2fs": "e2fsprogs",
    "cpio": "cpio",
    "modprobe": "kmod",
    "strip": "binutils",
    "busybox": "busybox-static",
}
GUEST = Path(__file__).parent / "guest"
ROOT = Path(__file__).resolve().parents[2]


def kernel():
    """Returns the newest kernel whose modules are there, where it lies, and its version; None if
    none is."""
    for root in (ROOT / "target/kernel", Path("/")):
        kernels = sorted(root.glob("boot/vmlinuz-*"), key=lambda path: path.stat().st_mtime)
        for path in reversed(kernels):
            version = path.name.removeprefix("vmlinuz-")
            if (root / "lib/modules" / version / "modules.dep").is_file():
                return path, root, version
    return None


def lacking():
    """Returns what is missing: Debian packages, or the kernel of one."""
    packages = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    return packages if kernel() else [*packages, "a kernel (tests/power/kernel gets one)"]


class Machine:
    """The machine; between its boots its disk is a file."""

    def __init__(self, programs, work):
        self._work = work
        self._qemu = None
        self._boots = 0
        self._begin(work / "begin")
        self._programs(programs, work / "programs")
        self._image("disk", "96M")

    def _begin(self, root):
        """Makes what the kernel begins with: a shell, and the drivers of the disks."""
        for name in ("bin", "dev", "disk", "etc", "modules", "proc", "programs", "run", "sys"):
            (root / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        shutil.copy(GUEST / "init", root / "init")
        (root / "etc/passwd").write_text("root:x:0:0:root:/run:/bin/sh\nann:x:1000:1000::/run:\n")
        (root / "etc/group").write_text("root:x:0:\nann:x:1000:\n")
        for name in ("lib", "lib64"):
            (root / name).symlink_to(f"programs/{name}")
        _, unpacked, version = kernel()
        order = []
        for module in MODULES:
            command = ["modprobe", "-d", unpacked, "-S", version, "--show-depends", module]
            shown = process.run(command)
            for path in re.findall(r"^insmod (\S+)", shown, re.MULTILINE):
                if (name := Path(path).name) not in order:
                    shutil.copy(path, root / "modules")
                    order.append(name)
        (root / "modules/order").write_text("".join(f"{name}\n" for name in order))
        with open(self._work / "begin.cpio", "wb") as archive:
            names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
            command = ["cpio", "--quiet", "-o", "-H", "newc"]
            subprocess.run(command, input=names.encode(), cwd=root, stdout=archive, check=True)

    def _programs(self, programs, root):
        """Makes a disk with the programs and the libraries that they need."""
        (root / "bin").mkdir(parents=True)
        for name, path in programs.items():
            process.run(["strip", "-o", root / "bin" / name, path])
            for library in re.findall(r"(/lib\S+) \(0x", process.run(["ldd", path])):
                to = root / library.lstrip("/")
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, to)
        shutil.copytree(GUEST / "parts", root / "parts")
        (root / "www/cgi-bin").mkdir(parents=True)
        shutil.copy(GUEST / "token", root / "www/cgi-bin")
        self._image("programs", "192M", root)

    def _image(self, name, size, content=None):
        content = ["-d", content] if content else []
        image = self._work / f"{name}.img"
        process.run(["mke2fs", "-q", "-t", "ext4", *content, image, size])

    def boot(self, part, memory=512):
        """Switches it on; it does a part."""
        self._boots += 1
        path, _, _ = kernel()
        command = [
            # Emulated, it is slow, and the same everywhere.
            *("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", str(memory)),
            *("-kernel", path, "-initrd", self._work / "begin.cpio", "-no-reboot"),
            # On a busy machine its timer may be late, which is no fault of it.
            *("-append", f"console=ttyS0 quiet panic=-1 no_timer_check part={part} "
              f"boot={self._boots}"),
            *("-nic", "none", "-display", "none", "-serial", "stdio", "-monitor", "none"),
            *("-drive", f"file={self._work}/programs.img,format=raw,if=virtio,readonly=on"),
            # The machine knows that its disk has a cache of its own, and flushes it. What it
            # has written, flushed or not, outlives QEMU; what is in its memory doesn't.
            *("-drive", f"file={self._work}/disk.img,format=raw,if=virtio,cache=writeback"),
        ]
        pipe = subprocess.PIPE
        self._qemu = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT
        )
        self._lines = queue.Queue()
        threading.Thread(target=self._read, args=[self._qemu.stdout], daemon=True).start()
        self.said = []

    def _read(self, console):
        for line in console:
            self._lines.put(line.decode(errors="replace").strip())
        self._lines.put(None)

    def line(self, seconds=DEADLINE):
        """Returns the next line of its console; None if there is none for so long."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            # Whoever asks again hears it again.
            self._lines.put(None)
            raise Failed("the machine is off; it said:\n" + "\n".join(self.said[-30:]))
        self.said.append(line)
        if line.startswith("FAULT"):
            raise Failed(line)
        return line

    def listen(self, seconds):
        """Returns the lines that its console says in so long."""
        lines, end = [], time.monotonic() + seconds
        while line := self.line(max(0, end - time.monotonic())):
            lines.append(line)
        return lines

    def until(self, start):
        """Waits for a line that starts so, and returns the lines up to it."""
        lines, end = [], time.monotonic() + DEADLINE
        while not (lines and lines[-1].startswith(start)):
            line = self.line()
            if line is None or time.monotonic() > end:
                raise Failed(f"no {start} in {DEADLINE} s; it said:\n" + "\n".join(self.said[-30:]))
            lines.append(line)
        return lines

    def cut(self):
        """Cuts its power; returns the lines that it has said and nobody has read."""
        self._qemu.kill()
        self._qemu.wait()
        lines = []
        while (line := self._lines.get()) is not None:
            lines.append(line)
        return lines

    def off(self):
        """Cuts its power if it has any."""
        if self._qemu and self._qemu.poll() is None:
            self.cut()
