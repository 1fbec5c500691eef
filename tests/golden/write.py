"""Write the expected files of all golden cases again, and remove those that nothing yields."""

from tests.golden.golden import cases, outputs


def main() -> None:
    for case in cases():
        found = outputs(case)
        for path in case.iterdir():
            if path.name != "in.yaml" and path.name not in found:
                path.unlink()
        for name, text in found.items():
            (case / name).write_text(text)


if __name__ == "__main__":
    main()
