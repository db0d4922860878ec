#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmark runs, prints and writes what it measured, and leaves no process behind."""

import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from unittest import mock

import cells
from results import Results
from rounds import Plan, Rounds
from servers import Script, ServerFailure

HERE = pathlib.Path(__file__).resolve().parent
RUN = str(HERE / "run")
NAMESPACES = ["unshare", "--net", "--pid", "--fork", "--mount-proc"]
SKIPPED = 77
PATIENCE_S = 120
CELLS = ["1x64", "10x64-T2", "connect-T2", "memory-1000", "blocking-100"]
if os.environ.get("YODEL_SANITIZE"):
    CELLS.remove("memory-1000")  # a sanitizer's memory for a thousand threads tells nothing
PEERS = ["yodeld", "epoll"]


def command(*arguments):
    return [sys.executable, "-B", RUN, "--rounds", "2", "--seconds", "0.2", *arguments]


def again():
    """A server of --peer: the daemon once more."""
    return (f"again={os.environ['YODELD']} -c /dev/null -q -o privileges.allow_root=true "
            "-l 127.0.0.1:{port}=echo")


class Bench(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="yodel-bench-"))
        self.addCleanup(shutil.rmtree, self.folder)
        # Whatever is started inherits it.
        self.mark = f"YODEL_BENCH_TEST={secrets.token_hex(8)}"
        name, value = self.mark.split("=")
        self.environment = dict(os.environ, **{name: value})

    def assert_nothing_is_left(self):
        left = []
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    left.append((path.parent / "cmdline").read_bytes())
            except OSError:
                continue  # it has ended meanwhile, or belongs to somebody else
        self.assertEqual(left, [])

    def start(self, *arguments, **keywords):
        return subprocess.Popen(command(*arguments, "--output", str(self.folder)), text=True,
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env=self.environment, **keywords)

    def test_measures_every_cell_and_writes_it_down(self):
        with self.start("--peers", "epoll", "--cells", ",".join(CELLS),
                        stdout=subprocess.PIPE) as process:
            printed, progress = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0, progress)
        self.assertIn("left] connect-T2", progress)
        for words in [*CELLS, *PEERS, "rate, 10 connections, 64 B, T2"]:
            self.assertIn(words, printed)
        results = json.loads((self.folder / "performance" / "results.json").read_text())
        self.check_results(results)
        self.check_document((self.folder / "performance.md").read_text())
        for chart in (self.folder / "performance").glob("*.svg"):
            xml.etree.ElementTree.parse(chart)
        self.assert_nothing_is_left()

    def rounds_of(self, cell, results):
        if cell != "memory-1000":
            return 2
        return 1 if results["machine"]["memory_source"] else 0  # without control groups

    def check_results(self, results):
        self.assertEqual(results["failures"], [])
        self.assertEqual(results["skipped"], {})
        self.assertIs(results["is_complete"], True)
        self.assertEqual(results["method"]["rounds"], 2)
        self.assertEqual(len(results["load_averages"]), 2)
        self.assertEqual([cell["name"] for cell in results["cells"]], CELLS)
        for cell in results["cells"]:
            for peer in PEERS:
                figures = [sample[cell["figure"]] for sample in results["samples"]
                           if (sample["cell"], sample["peer"]) == (cell["name"], peer)]
                self.assertEqual(len(figures), self.rounds_of(cell["name"], results))
                self.assertTrue(all(figure > 0 for figure in figures), f"{cell['name']}: {peer}")
        cpu_us = [sample["server_cpu_us_per_round_trip"] for sample in results["samples"]
                  if sample["cell"] == "10x64-T2"]
        self.assertTrue(all(0 < us < 100000 for us in cpu_us), cpu_us)

    def check_document(self, document):
        self.assertNotIn("$", document)
        self.assertNotIn(os.uname().nodename, document)
        self.assertRegex(document, r"\| rate, 10 connections, 64 B, T2 \| >= 2 \| [\d.]+ ")
        for image in re.findall(r"!\[[^]]*\]\(([^)]+)\)", document):
            self.assertTrue((self.folder / image).exists(), image)

    def test_a_signal_ends_it_and_all_that_it_started(self):
        with self.start("--peers", "epoll", "--cells", "100x64-TC", "--seconds", "60",
                        stdout=subprocess.DEVNULL, start_new_session=True) as process:
            # Behind this line the first load begins.
            while "left] 100x64-TC" not in process.stderr.readline():
                self.assertIsNone(process.poll())
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 130)
        self.assert_nothing_is_left()

    def test_a_failure_is_told_and_has_no_figure(self):
        with self.start("--peers", "", "--peer", again(), "--peer", "mute=false", "--yardstick",
                        "yodeld", "--cells", "10x64-T1", stdout=subprocess.PIPE) as process:
            printed, progress = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0, progress)
        self.assertIn("mute failed in 10x64-T1: ended with 1 at its start", progress)
        self.assertRegex(printed, r"\nagain +[\d,]+ .*\nmute +- ended with 1")
        self.assertIn("mute: ended with 1", (self.folder / "performance.md").read_text())

    def test_arguments_that_make_no_sense_are_told(self):
        for arguments, message in (
                (("--cells", "100x65-T2"), 'no cell is named "100x65-T2"'),
                (("--rounds", "0"), "--rounds: 0 is not above 0"),
                (("--seconds", "-1"), "--seconds: -1 is not above 0"),
                (("--peers", "epoll,epoll"), 'two servers are named "epoll"'),
                (("--yardstick", "ruler"), 'the yardstick "ruler" is not among the servers')):
            with self.subTest(arguments):
                done = subprocess.run(command(*arguments), capture_output=True, text=True,
                                      check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn(message, done.stderr)


class Figures(unittest.TestCase):
    """What is made of samples, without measuring any."""

    def setUp(self):
        kinds = {"yodeld": "threads", "epoll": "events", "plain": "threads"}
        self.results = Results("epoll", dict.fromkeys(kinds, ""), kinds, {}, {}, "", {}, [],
                               [cells.find("100x64-T2"), cells.find("burst")])

    def measured(self, cell, **figures):
        for peer, values in figures.items():
            self.results.samples[cell, peer] = {
                number: {"figure": value} for number, value in enumerate(values)}

    def test_who_fails_in_a_later_round_has_no_figure(self):
        plan = Plan(self.results.cells[:1], [Script("epoll")], 2, {"epoll"}, 1000, True)
        client, progress = mock.Mock(), mock.Mock()
        client.measure.side_effect = [{"figure": 1}, ServerFailure("a byte is another one")]
        client.duration_s.return_value = 1
        with mock.patch("rounds.Server"):
            Rounds(plan, client, self.results, progress).run()
        self.assertEqual(self.results.samples, {})
        self.assertEqual(list(self.results.failures), [("100x64-T2", "epoll")])

    def test_a_target_without_a_figure_is_not_met(self):
        self.measured("100x64-T2", yodeld=[1])
        self.results.failures["100x64-T2", "epoll"] = "lost"
        target, spread = self.results.targets()[0]
        self.assertIsNone(spread)
        self.assertFalse(target.is_met_by(spread))
        self.assertEqual(self.results.why_not_reached(target), "epoll: lost")

    def test_who_is_ahead(self):
        self.measured("100x64-T2", yodeld=[10, 20, 10], epoll=[90, 90, 90], plain=[11, 19, 12])
        self.measured("burst", yodeld=[10], plain=[11])
        self.assertEqual([found[:2] for found in self.results.ahead_of_ours()],
                         [("100x64-T2", "plain")])


def why_impossible():
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    try:
        done = subprocess.run([NAMESPACES[0], *as_root, *NAMESPACES[1:], "true"],
                              capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode != 0 else None


if __name__ == "__main__":
    reason = why_impossible()
    if reason:
        print(f"skipped: no namespace may be made: {reason}")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
    unittest.main()
