"""Replaces the table of report pages in BENCHMARKS.md: into_benchmarks.py TABLE BENCHMARKS. Standard library only."""
import pathlib, sys

table, benchmarks = map(pathlib.Path, sys.argv[1:])
before, rest = benchmarks.read_text().split("<!-- made by make bench-pages: begin -->\n")
_, after = rest.split("<!-- made by make bench-pages: end -->\n")
benchmarks.write_text(f"{before}<!-- made by make bench-pages: begin -->\n{table.read_text()}<!-- made by make bench-pages: end -->\n{after}")
