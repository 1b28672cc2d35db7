"""Counts checks; the last line is "N passed, N failed"."""


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, title, good, why=""):
        if good:
            self.passed += 1
            print(f"ok   {title}", flush=True)
            return True
        self.failed += 1
        print(f"FAIL {title}")
        for line in str(why).strip().splitlines():
            print(f"     {line}")
        print(end="", flush=True)
        return False

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
