"""A launch in a process of its own: asks and tells, a line a trial; or asks once and hangs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.tuning.search.small_study import open_study, tell_score
from tests.tuning.search.storage_places import Place


def main(journal: str, url: str, num_trials: int, sampler: str, hangs: bool) -> None:
    storage = Place(Path(journal), url or None).open()
    study = open_study(storage, sampler=sampler)
    print("ready", flush=True)
    sys.stdin.readline()
    while (asked := study.ask(num_trials)) is not None:
        print(asked[0], flush=True)
        if hangs:
            time.sleep(600)
        time.sleep(0.1)
        tell_score(study, *asked)
    storage.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5] == "hangs")
