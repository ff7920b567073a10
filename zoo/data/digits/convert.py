#!/usr/bin/env python3
"""Make digits.bin out of the digits.csv.gz that ships inside the PyPI package scikit-learn.

    pip download --no-deps scikit-learn
    python3 convert.py scikit_learn-*.whl

digits.bin holds 1,797 records of 65 bytes: 64 pixels (0..16, row-major) and the label (0..9).
"""

import gzip
import sys
import zipfile

MEMBER = "sklearn/datasets/data/digits.csv.gz"


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        lines = gzip.decompress(wheel.read(MEMBER)).decode().split()
    records = [[int(float(field)) for field in line.split(",")] for line in lines]
    assert len(records) == 1797
    for record in records:
        assert len(record) == 65
        assert all(0 <= pixel <= 16 for pixel in record[:64]) and 0 <= record[64] <= 9
    with open("digits.bin", "wb") as out:
        for record in records:
            out.write(bytes(record))


if __name__ == "__main__":
    main()
