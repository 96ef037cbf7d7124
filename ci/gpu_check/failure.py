"""An error of ci/gpu-check: what is wrong, what to do next, and the exit code."""

PASS, FAIL, USAGE, INCONCLUSIVE, INFRA, DATA, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


class Failure(Exception):
    """Ends the check with a message and an exit code."""

    def __init__(self, code, what, next_step):
        super().__init__(what)
        self.code, self.what, self.next_step = code, what, next_step

    def __str__(self):
        return f"gpu-check: error: {self.what}\n  next: {self.next_step}"
