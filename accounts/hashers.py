"""How passwords are hashed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher

# In each process. Argon2 releases the GIL: a rush of log-ins would hash on all of the server's
# threads at the same time, and leave polls, holds and payments a thirtieth of the processor. With
# one worker process per core the machine is still fully used.
#
# In a thread of their own, as glibc keeps the 19 MiB of a hash for each thread that ever made one:
# a process whose 32 threads hashed in turn grew from 37 MB to 343, and with this thread to 58.
AT_ONCE = 1
_hashing = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password-hashing")


class SerialArgon2(Argon2PasswordHasher):
    """Argon2id at OWASP's recommended cost (19 MiB, two passes, one thread), one hash at a time.

    Django's default takes 100 MiB and eight threads, and nine times the processor time: of 500
    people who log in at the same moment on two cores the last would wait for a minute. A hash of
    another cost is verified with its own parameters and replaced when its owner logs in.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, *args: Any, **kwargs: Any) -> str:
        return _hashing.submit(super().encode, *args, **kwargs).result()

    def verify(self, password: str, encoded: str) -> bool:
        return _hashing.submit(super().verify, password, encoded).result()
