"""Check what the library shows and what it calls.

The shared library shows the functions that the public headers declare with LML_API, and nothing else. No part of it
prints or ends the process, and none but base/sys.c calls the operating system.

Usage: symbols.py NM LIBRARY OBJECTS HEADERS
"""

import pathlib
import re
import subprocess
import sys

PRINTS_OR_ENDS = set("""
    printf fprintf vprintf vfprintf puts putchar fputs fputc fwrite perror dprintf syslog
    exit abort quick_exit __assert_fail""".split())

OPERATING_SYSTEM = set("""
    malloc calloc realloc free aligned_alloc posix_memalign strdup strndup asprintf vasprintf getline
    open openat creat close read pread write pwrite readv writev lseek fsync fdatasync stat lstat fstat rename unlink
    remove link symlink mkdir rmdir chmod ftruncate flock fcntl mmap munmap opendir readdir closedir mkstemp
    fopen fdopen freopen fclose fread fgets fscanf tmpfile
    socket socketpair connect bind listen accept accept4 send sendto sendmsg recv recvfrom recvmsg shutdown
    setsockopt getsockopt getsockname getpeername getaddrinfo freeaddrinfo poll ppoll select pselect epoll_wait
    clock_gettime gettimeofday time nanosleep usleep sleep
    fork vfork execve execv execvp posix_spawn waitpid wait kill pipe pipe2 dup dup2 dup3 system popen _exit
""".split())


def symbols(nm, option, path):
    """Names that `nm OPTION path` lists, without versions, without the suffix of large-file variants, and without what
    marks a call that _FORTIFY_SOURCE checks."""
    output = subprocess.run([nm, *option, path], capture_output=True, text=True, check=True).stdout
    names = (line.split()[-1].split("@")[0] for line in output.splitlines() if line.strip())
    return {re.sub(r"^__(\w+)_chk$", r"\1", re.sub(r"(?<=.)64$", "", name)) for name in names}


def shown_faults(nm, library, headers):
    declared = set()
    for header in sorted(pathlib.Path(headers).glob("*.h")):
        declared |= set(re.findall(r"^LML_API[^;{]*?\b(lml_\w+)\(", header.read_text(encoding="utf-8"), re.MULTILINE))
    shown = symbols(nm, ["-D", "--defined-only"], library)
    yield from (f"{name} is shown by the library, but no public header declares it" for name in sorted(shown - declared))
    yield from (f"{name} is declared with LML_API, but the library lacks it" for name in sorted(declared - shown))
    if not declared:
        yield f"{headers} declares nothing"


def called_faults(nm, objects):
    files = sorted(pathlib.Path(objects).rglob("*.o"))
    if not files:
        yield f"{objects} holds no object files"
    for path in files:
        called = symbols(nm, ["--undefined-only"], path)
        name = str(path.relative_to(objects)).removesuffix(".o").replace("__", "..")
        yield from (f"{name} calls {bad}: the library never prints or exits" for bad in sorted(called & PRINTS_OR_ENDS))
        if name != "base/sys.c":
            yield from (f"{name} calls {bad}: go through lml_sys" for bad in sorted(called & OPERATING_SYSTEM))


def main():
    nm, library, objects, headers = sys.argv[1:]
    faults = [*shown_faults(nm, library, headers), *called_faults(nm, objects)]
    print(*faults, f"{len(faults)} faults", sep="\n")
    return 1 if faults else 0


sys.exit(main())
