#!/usr/bin/python3
"""Writes the mistakes of plants.txt into copies of the product's sources.

    plant.py PLANTS SOURCE_ROOT OUT_DIR COPY...   copies of all files that are changed, and plants.cc
    plant.py --list PLANTS                        their names, one a line

COPY... are the copies that the build compiles; another set than that of the mistakes is an error.

A mistake is a heading "== name" and, for each place, "file PATH", "old:", lines, "new:", lines.
The old text has to be in the file exactly once, so that a mistake cannot silently become none.
PLANTED in the new text is true while that mistake is chosen. Lines that begin with "# " are comments.
"""

import pathlib
import sys


def parse(text):
    """Returns [(name, [(file, old, new)])]."""
    plants = []
    part = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("# "):
            continue
        if line.startswith("== "):
            plants.append((line[3:].strip(), []))
            part = None
        elif line.startswith("file "):
            plants[-1][1].append([line[5:].strip(), "", ""])
            part = None
        elif line == "old:":
            part = 1
        elif line == "new:":
            part = 2
        elif part is not None:
            plants[-1][1][-1][part] += line + "\n"
        elif line.strip():
            sys.exit(f"plants.txt:{number}: what is this? {line}")
    return plants


def target_name(path):
    """storage/log/recovery.cc becomes storage_log_recovery.cc."""
    return path.replace("/", "_")


def main():
    if sys.argv[1] == "--list":
        print("\n".join(name for name, _ in parse(pathlib.Path(sys.argv[2]).read_text())))
        return
    plants = parse(pathlib.Path(sys.argv[1]).read_text())
    root, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    texts = {}
    for number, (name, places) in enumerate(plants):
        for path, old, new in places:
            text = texts.get(path) or (root / path).read_text()
            if text.count(old) != 1:
                sys.exit(f"plant {name}: {path} has {text.count(old)} times:\n{old}")
            planted = f"(::strandline::cluster_sim::planted_bug == {number})"
            # Compilers warn of two pairs of brackets around a comparison.
            new = new.replace("(PLANTED)", planted).replace("PLANTED", planted)
            texts[path] = text.replace(old, new)
    written, compiled = set(map(target_name, texts)), set(sys.argv[4:])
    if written != compiled:
        sys.exit(f"plants.txt and meson.build do not name the same files: {written ^ compiled}")
    out.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        (out / target_name(path)).write_text('#include "tests/sim/cluster/plants.h"\n' + text)
    names = "".join(f'    "{name}",\n' for name, _ in plants)
    (out / "plants.cc").write_text(
        '#include "tests/sim/cluster/plants.h"\n\n#include <array>\n\n'
        "namespace strandline::cluster_sim {\nnamespace {\n"
        f"constexpr std::array<std::string_view, {len(plants)}> kNames{{\n{names}}};\n}}\n"
        "bool take_plant(std::string_view name) {\n"
        '  if (name == "none") return true;\n'
        "  for (std::size_t i = 0; i < kNames.size(); ++i) {\n"
        "    if (kNames[i] != name) continue;\n    planted_bug = static_cast<int>(i);\n    return true;\n  }\n"
        "  return false;\n}\n"
        "std::string plant_names() {\n  std::string all;\n"
        '  for (const std::string_view name : kNames) all += (all.empty() ? "" : ", ") + std::string{name};\n'
        "  return all;\n}\n}  // namespace strandline::cluster_sim\n")


if __name__ == "__main__":
    main()
