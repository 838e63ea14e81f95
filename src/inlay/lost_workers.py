"""Errors of PyTorch about lost DataLoader workers, in plain words and with a remedy."""

import re

MORE_SHARED_MEMORY = "In a container: docker run --shm-size=1g. Else train with data.num_workers=0"
_GO_ON = "A training goes on with resume=last."
_FULL = re.compile(r"killed by signal: Bus error|unable to [\w ()]*<?/torch_\S*: No space left on device")
_LOST = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) (?:is killed by signal: ([\w ]+)|exited unexpectedly)"
)


def explain(error: BaseException) -> str | None:
    """A message with a remedy for an error about a lost worker or full shared memory; None for any other error."""
    if not isinstance(error, RuntimeError):
        return None
    if _FULL.search(str(error)):
        return f"the memory that workers share (/dev/shm) is full. {MORE_SHARED_MEMORY}. {_GO_ON}"
    if lost := _LOST.search(str(error)):
        by = f" ({lost[2]})" if lost[2] else ""
        return (
            f"a process that loads data (pid {lost[1]}) was killed{by}. "
            f"The system kills such processes when memory runs out: lower data.num_workers or data.batch_size. {_GO_ON}"
        )
    return None
