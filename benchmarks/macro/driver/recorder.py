"""What was measured: each sample is told when it comes and kept for the report."""


class Recorder:
    def __init__(self, say):
        self._say = say
        self.samples = []

    def keep(self, phase, case, contender, round_number, told):
        told = {key: round(value, 4) for key, value in told.items()}
        sample = {"phase": phase, "case": str(case), "contender": contender, "round": round_number}
        self.samples.append({**sample, **told})
        shown = "  ".join(f"{key} {value:g}" for key, value in told.items() if key != "bytes")
        self._say(f"{phase:13} {str(case):34} {contender:20} {shown}")
