"""The arms of vlmscope's side-by-side benchmark that are written in Python; `cargo bench --bench side-by-side` starts them.

    python benches/side-by-side/arms --serve ARM TASK THREADS FOLDER SCRATCH

Commands come in as lines, replies go out as lines of JSON behind an `@`: `run FIRST COUNT` does items and says what they took,
`check PATH` saves what came out of the first item. Each arm is one file, written as its library's documentation shows.
"""

import importlib
import json
import resource
import sys
import time

FILES = {
    "hf": "hf",
    "hooks": "hooks",
    "restarted": "restarted",
    "transformerlens": "with_transformer_lens",
    "nnsight": "with_nnsight",
    "sklearn": "with_sklearn",
}


def say(**reply):
    print("@", json.dumps(reply), flush=True)


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory(line):
    with open("/proc/self/status") as status:
        for text in status:
            if text.startswith(line + ":"):
                return 1024 * int(text.split()[1])
    return 0


def main():
    _, _, arm, task, threads, folder, scratch = sys.argv
    begun = time.perf_counter()
    try:
        module = importlib.import_module(FILES[arm])
        imports = time.perf_counter() - begun
        work = module.open_task(task, folder, scratch, int(threads))
    except Exception as error:
        return say(error=f"{type(error).__name__}: {error}")
    say(import_s=imports, held=memory("VmRSS"))
    for line in sys.stdin:
        command, *words = line.split()
        try:
            if command == "run":
                first, count = map(int, words)
                cpu, wall = cpu_seconds(), time.perf_counter()
                written = work.run(range(first, first + count))
                say(cpu=cpu_seconds() - cpu, wall=time.perf_counter() - wall, bytes=written)
            else:
                from safetensors.numpy import save_file

                save_file(work.outputs(), line.removeprefix("check ").rstrip("\n"))
                say()
        except Exception as error:
            say(error=f"{type(error).__name__}: {error}")
    say(peak=memory("VmHWM"))


main()
