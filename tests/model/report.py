"""Sum up the coverage of the played sales: python -m tests.model.report FOLDER."""

import json
import sys
from collections import Counter
from pathlib import Path


def main(folder: str) -> None:
    reports = [json.loads(path.read_text()) for path in Path(folder).glob("*.json")]
    covered: Counter[str] = sum((Counter(each["covered"]) for each in reports), Counter())
    examples = sum(each["examples"] for each in reports)
    steps = {each["steps"] for each in reports}
    print(f"{examples:,} examples of up to {max(steps)} steps, {covered.total():,} answers")
    for what, count in sorted(covered.items()):
        print(f"{count:9,}  {what}")


if __name__ == "__main__":
    main(sys.argv[1])
