"""Opens what power cuts leave, state by state."""

import concurrent.futures
import json
import os
import queue
import random
import shutil
import subprocess
import tempfile
import threading
from collections import Counter
from pathlib import Path

import disk
from life import BACKUP

# So many states wait to be opened at most.
WAITING = 16


class Openers:
    """Some processes that open states, each one state after the other."""

    def __init__(self, program, count):
        # States are many and small, and none of them has to outlive anything.
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._work = Path(tempfile.mkdtemp(prefix="tokend-replay-", dir=shm))
        self._idle = queue.Queue()
        self._processes = []
        for number in range(count):
            pipe = subprocess.PIPE
            process = subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True)
            self._processes.append(process)
            self._idle.put((process, self._work / str(number)))
        self._pool = concurrent.futures.ThreadPoolExecutor(count)
        self._waiting = threading.Semaphore(WAITING)

    def close(self):
        """Ends them."""
        self._pool.shutdown()
        for process in self._processes:
            process.stdin.close()
            process.wait()
        shutil.rmtree(self._work)

    def open(self, files):
        """Has a state opened; returns what will be found in it."""
        self._waiting.acquire()
        return self._pool.submit(self._open, files)

    def _open(self, files):
        process, directory = self._idle.get()
        try:
            for name in ("state", "cache"):
                (directory / name).mkdir(0o700, parents=True)
            for path, content in files.items():
                if not path.startswith("backup/"):
                    file = directory / path
                    file.touch(0o600)
                    file.write_bytes(content)
            process.stdin.write(f"{directory}\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())
        finally:
            shutil.rmtree(directory)
            self._idle.put((process, directory))
            self._waiting.release()


class Replay:
    """A life's steps, and what power cuts between them leave."""

    def __init__(self, openers, life, backup=None):
        self._openers = openers
        self._root = life.root
        self._first = life.first
        self._steps = life.steps()
        self._promises = life.promises
        self._backup = backup
        self._found = {}  # what is in each state

    def run(self, draws, seed, keep=lambda step, after: True, settled=0.0):
        """Cuts the power before each step and after the last one.

        Of the syncs those are done that `keep` says. What was done before `settled` is durable.
        Returns how many boundaries, how many distinct states and which faults there are."""
        chance = random.Random(seed)
        model = disk.Disk(self._first)
        cuts, seen = [], set()
        is_settled = False
        for step, after in zip(self._steps, [*self._steps[1:], None], strict=True):
            if step.at >= settled:
                if not is_settled:
                    model.settle()
                    is_settled = True
                cuts += self._cut(model, step.at, chance, draws, seen)
            if step.kind != "sync" or step.at < settled or keep(step, after):
                model.apply(step)
        cuts += self._cut(model, float("inf"), chance, draws, seen)
        faults = Counter()
        examples = {}
        broken = set()
        for at, key in cuts:
            found = self._found[key].result()
            for fault in self._promises.broken(found, at):
                kind = fault.split(":")[0]
                if (key, kind) not in broken:
                    broken.add((key, kind))
                    faults[kind] += 1
                    examples.setdefault(fault, at)
        return Outcome(len(self._steps) + 1, len(seen), faults, examples)

    def _cut(self, model, at, chance, draws, seen):
        for files in model.crashes(chance, draws):
            files = {path.removeprefix(f"{self._root}/"): it for path, it in files.items()}
            key = disk.digest(files)
            seen.add(key)
            if key not in self._found:
                self._found[key] = self._look(files)
            yield at, key

    def kinds(self):
        """Returns what kinds of steps there are."""
        return {step.kind for step in self._steps}

    def _look(self, files):
        opened = self._openers.open(files)
        if self._backup is None or files.get(BACKUP) != self._backup:
            return opened
        whole = concurrent.futures.Future()
        opened.add_done_callback(lambda it: whole.set_result({**it.result(), "backup": True}))
        return whole


class Outcome:
    """What came of a replay."""

    def __init__(self, boundaries, states, faults, examples):
        self.boundaries = boundaries
        self.states = states
        self.corrupt = faults["corrupt"]
        self.lost = faults["lost"]
        self.examples = examples

    def __str__(self):
        return (
            f"{self.boundaries} boundaries, {self.states} states: "
            f"{self.corrupt} corrupt, {self.lost} lost"
        )
