# SPDX-License-Identifier: MIT
"""yodel load --report and --hgrm: the page is whole, harmless and true; so is the distribution."""

import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
from html.parser import HTMLParser

from client_harness import FAILED, OK, ClientTest, yodel
from other_ends import Refusing, Server, Stalling, echo, resetting, use
from yodel_harness import PATIENCE, main, scaled

VOID = {"meta", "link", "br", "hr", "img", "input"}
PATH_STEP = re.compile(r"([MHVZ])([-0-9. ]*)")
WIDTH, HEIGHT = 860, 340
BIGGEST_PAGE = 200_000


class Page(HTMLParser):
    """What the tests want to know of a page; tags that do not match are an AssertionError."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.open = []  # (tag, attributes)
        self.tags = []
        self.tables = {}  # id of the section: rows of (name, [value, ...])
        self.tiles = {}
        self.texts = []
        self.section = None
        self.row = None
        self.tile = None
        self.feed(text)
        self.close()
        if self.open:
            raise AssertionError(f"never ended: {self.open}")
        self.charts = [xml.etree.ElementTree.fromstring(match)
                       for match in re.findall(r"<svg .*?</svg>", text, re.S)]

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = attributes["id"]
            self.tables[self.section] = []
        elif tag == "tr":
            self.row = (None, [])
        elif tag == "data":
            value = float(attributes["value"])
            if self.row is not None:
                self.row[1].append(value)
            else:
                self.tiles[self.tile] = value

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"{tag} ends at {self.getpos()}, but is not what is open")
        if tag == "tr":
            self.tables[self.section].append(self.row)
            self.row = None

    def handle_data(self, data):
        self.texts.append(data)
        if self.open[-1:] == ["th"] and self.row is not None and self.row[0] is None:
            self.row = (data, self.row[1])
        elif self.open[-1:] == ["dt"]:
            self.tile = data

    def value(self, section, row, column=0):
        return dict(self.tables[section])[row][column]

    def chart(self, name):
        return next(chart for chart in self.charts if chart.get("aria-label") == name)


def places_of(path):
    """The points of a path of M, H, V and Z."""
    x = y = 0
    for command, numbers in PATH_STEP.findall(path):
        values = [float(number) for number in numbers.split()]
        if command == "M":
            x, y = values
        elif command == "H":
            x, = values
        elif command == "V":
            y, = values
        yield x, y


def path_of(chart, style):
    return list(places_of(next(path for path in chart.iter("path")
                               if path.get("class") == style).get("d")))


def titles_of(chart, tag):
    return [element.find("title").text for element in chart.iter(tag)
            if element.find("title") is not None]


class ReportTest(ClientTest):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="yodel-report-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "report.html")

    def load(self, *arguments, code=OK):
        """Runs a load; returns what it says as JSON and what the page says."""
        done = yodel("load", *arguments, "--json", "--report", self.path)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout), self.read_page()

    def read_page(self):
        with open(self.path, encoding="utf-8", newline="") as file:
            page = Page(file.read())
        self.assert_self_contained(page)
        self.assert_charts_stay_inside(page)
        self.assertLess(len(page.text), BIGGEST_PAGE)
        return page

    def assert_self_contained(self, page):
        self.assertTrue(page.text.startswith("<!DOCTYPE html>\n"))
        self.assertIsNone(re.search(r"https?:|@import|url\(|javascript:", page.text))
        for tag, attributes in page.tags:
            self.assertNotIn(tag, ("script", "link", "iframe", "img", "object", "embed", "b"))
            self.assertFalse({"src", "href", "xlink:href"} & attributes.keys())
            self.assertFalse([name for name in attributes if name.startswith("on")])

    def assert_charts_stay_inside(self, page):
        for chart in page.charts:
            self.assertEqual(chart.get("viewBox"), f"0 0 {WIDTH} {HEIGHT}")
            for path in chart.iter("path"):
                for x, y in places_of(path.get("d")):
                    self.assert_between(x, 0, WIDTH)
                    self.assert_between(y, 0, HEIGHT)
            for text in chart.iter("text"):
                self.assert_between(float(text.get("x")), 0, WIDTH)
                self.assert_between(float(text.get("y")), 10, HEIGHT)
            for rect in chart.iter("rect"):
                left, top, width, height = (float(rect.get(name))
                                            for name in ("x", "y", "width", "height"))
                self.assertGreaterEqual(min(left, top, width, height), 0)
                self.assertLessEqual(left + width, WIDTH)
                self.assertLessEqual(top + height, HEIGHT)

    def assert_agree(self, result, page):
        """The page tells the figures of the JSON object."""
        for name, value in (("Rate", result["round_trips_per_s"]),
                            ("Bytes, each way", result["bytes_per_s"]),
                            ("Round trips", result["round_trips"])):
            self.assertAlmostEqual(page.tiles[name], value, delta=max(0.5, value / 1e6))
        for row, key in (("round trips, warm-up included", "completed"), ("messages lost", "lost"),
                         ("connections opened", "connections_opened"),
                         ("connections with other bytes", "connections_mismatched"),
                         ("bytes sent", "sent_bytes"), ("bytes received", "received_bytes")):
            self.assertEqual(page.value("totals", row), result[key], row)
        self.assertAlmostEqual(page.value("totals", "measured"), result["elapsed_ms"], places=3)
        self.assertEqual(page.value("totals", "connections failed"),
                         sum(kind["count"] for kind in result["connections_failed"].values()))
        for row, key in (("min", "min"), ("median", "median"), ("p90", "p90"), ("p99", "p99"),
                         ("p99.9", "p99_9"), ("p99.99", "p99_99"), ("max", "max"),
                         ("mean", "mean"), ("standard deviation", "deviation"),
                         ("count", "count")):
            told = [result[name][key] for name in ("latency_ms", "connect_ms")
                    if result[name]["count"] > 0 or row == "count"]
            for shown, value in zip(dict(page.tables["quantiles"])[row], told):
                self.assertAlmostEqual(shown, value, places=5)


class Report(ReportTest):
    def test_page_agrees_with_json(self):
        result, page = self.load(*self.serve_daemon(), "-c", "3", "-n", str(scaled(3000, 300)))
        self.assert_agree(result, page)
        self.assertIn("No trouble: every byte came back", page.texts)
        self.assertEqual(len(page.charts), 3)
        self.assertEqual(page.value("parameters", "connections"), 3)
        self.assertEqual(page.value("parameters", "messages"), scaled(3000, 300))

    def test_page_of_a_paced_run_tells_the_wanted_rate(self):
        result, page = self.load(*self.serve_daemon(), "-r", "300/s", "-d", "1s", "-w", "100ms")
        self.assert_agree(result, page)
        self.assertIn("asked for: 300/s", titles_of(page.chart("Rate over time"), "path"))
        self.assertIn("300/s", page.texts)
        self.assertIn("100ms", page.texts)

    def test_page_of_a_run_with_new_connections(self):
        result, page = self.load(*self.serve_daemon(), "-C", "-n", "50", "-c", "2")
        self.assert_agree(result, page)
        self.assertIn("for one message", page.texts)

    def test_page_of_a_short_run(self):
        result, page = self.load(*self.serve_daemon(), "-d", "100ms")
        self.assert_agree(result, page)
        if result["round_trips"] > 0:
            self.assertEqual(len(titles_of(page.chart("Rate over time"), "rect")), 1)

    def test_page_of_one_round_trip(self):
        result, page = self.load(*self.serve_daemon(), "-n", "1", "-c", "1")
        self.assert_agree(result, page)
        percentiles = page.chart("Latency by percentile")
        self.assertEqual(len({y for _, y in path_of(percentiles, "line")}), 1)
        self.assertEqual([title.split(":")[0] for title in titles_of(percentiles, "circle")],
                         ["max"])
        bar, = titles_of(page.chart("Distribution of the latencies"), "rect")
        self.assertIn(" ms: 100%", bar)

    def test_page_of_a_run_without_round_trips(self):
        end = use(self, Refusing())
        result, page = self.load(*end.arguments, "-d", "100ms", code=FAILED)
        self.assert_agree(result, page)
        self.assertEqual(page.charts, [])
        self.assertEqual(page.tiles.keys(), {"Rate", "Bytes, each way", "Round trips"})
        self.assertIn("Connection refused", page.text)

    def test_page_tells_failures(self):
        end = use(self, Server(resetting(6400)))
        result, page = self.load(*end.arguments, "-c", "2", "-d", "5s", code=FAILED)
        self.assert_agree(result, page)
        self.assertIn('class="verdict bad"', page.text)
        self.assertIn("RESET, 2 times; the first: ", page.text)
        self.assertNotIn("every byte came back", page.text)

    def test_percentiles_ascend_to_the_greatest_value(self):
        result, page = self.load(*self.serve_daemon(), "-n", "1000")
        chart = page.chart("Latency by percentile")
        places = path_of(chart, "line")
        for (x, y), (next_x, next_y) in zip(places, places[1:]):
            self.assertLessEqual(x, next_x)
            self.assertGreaterEqual(y, next_y)
        dots = [float(dot.get("cy")) for dot in chart.iter("circle")]
        self.assertEqual(len(dots), 5)  # median, 90, 99, 99.9 %, and max
        self.assertEqual(dots[-1], places[-1][1])
        shown = re.search(r"max: ([\d.]+) ms", titles_of(chart, "circle")[-1])
        self.assertAlmostEqual(float(shown[1]), result["latency_ms"]["max"],
                               delta=result["latency_ms"]["max"] / 100 + 0.001)

    def test_dots_stand_on_the_line(self):
        _, page = self.load(*self.serve_daemon(), "-n", "1000")
        chart = page.chart("Latency by percentile")
        places = path_of(chart, "line")
        for dot in chart.iter("circle"):
            x, y = float(dot.get("cx")), float(dot.get("cy"))
            self.assertLess(min(max(begin[0] - x, x - end[0], end[1] - y, y - begin[1])
                                for begin, end in zip(places, places[1:])), 1)

    def test_rate_shows_a_stall_and_no_breakdown_at_the_end(self):
        stall = Stalling(0.5, after_seconds=0.4)
        end = use(self, Server(stall))
        result, page = self.load(*end.arguments, "-r", "1000/s", "-c", "4", "-d", "1650ms")
        rates = [(float(begin), float(until), int(rate)) for begin, until, rate in
                 (re.fullmatch(r"([\d.e-]+) to ([\d.e-]+) s: (\d+)/s", title).groups()
                  for title in titles_of(page.chart("Rate over time"), "rect"))]
        self.assertEqual(rates[0][0], 0)
        for (_, until, _), (begin, _, _) in zip(rates, rates[1:]):
            self.assertEqual(until, begin)
        self.assertAlmostEqual(rates[-1][1], result["elapsed_ms"] / 1e3, places=2)
        self.assertAlmostEqual(sum((until - begin) * rate for begin, until, rate in rates),
                               result["round_trips"], delta=result["round_trips"] / 50)
        self.assertIn(0, [rate for _, _, rate in rates])
        narrow = min(until - begin for begin, until, _ in rates)
        self.assertGreater(narrow, 0.04)

    def test_shares_of_the_distribution_are_all(self):
        _, page = self.load(*self.serve_daemon(), "-n", "500")
        shares = [float(title.split(": ")[1].rstrip("%")) for title in
                  titles_of(page.chart("Distribution of the latencies"), "rect")]
        self.assertAlmostEqual(sum(shares), 100, delta=1)

    def test_hostile_name_is_text(self):
        path = os.path.join(self.folder, "a&<b>\"c'.sock")
        end = use(self, Server(echo, path=path))
        result, page = self.load(*end.arguments, "-n", "10")
        self.assertEqual(result["target"], "unix:" + path)
        title = "".join(page.texts)
        self.assertEqual(title.count("unix:" + path), 2)

    def test_hostile_name_in_a_failure_is_text(self):
        path = os.path.join(self.folder, "<script>alert(1)<|script>\x01&.sock")
        result, page = self.load("unix:" + path, "-d", "100ms", code=FAILED)
        self.assertIn("OTHER", result["connections_failed"])
        self.assertNotIn("\x01", page.text)
        self.assertIn("<script>alert(1)<|script>\\x01&.sock",
                      "".join(page.texts))

    def test_full_disk_is_told(self):
        done = yodel("load", *self.serve_daemon(), "-n", "10", "--report", "/dev/full")
        self.assert_ended(done, FAILED, b"cannot write /dev/full: No space left on device")

    def test_missing_folder_is_told_before_the_run(self):
        done = yodel("load", *self.serve_daemon(), "--report", "/nowhere/report.html")
        self.assert_ended(done, FAILED, b"cannot write /nowhere/report.html")
        self.assertEqual(done.stdout, b"")


class Hgrm(ReportTest):
    """The form of HdrHistogram's outputPercentileDistribution, as its plotter reads it."""

    def read(self, *arguments):
        path = os.path.join(self.folder, "latency.hgrm")
        done = yodel("load", *self.serve_daemon(), *arguments, "--json", "--hgrm", path)
        self.assert_ended(done, OK)
        with open(path, encoding="ascii") as file:
            lines = file.read().split("\n")
        return json.loads(done.stdout)["latency_ms"], lines

    @staticmethod
    def rows_of(lines):
        """Each: value in ms, quantile, how many are not above."""
        for line in lines[2:]:
            columns = line.split()
            if columns and not line.startswith("#"):
                yield float(columns[0]), float(columns[1]), int(columns[2])

    def test_lines_have_the_form_of_the_plotter(self):
        _, lines = self.read("-n", "1000")
        self.assertEqual(lines[0].split(),
                         ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
        self.assertEqual(lines[1], "")
        body = [line for line in lines[2:] if line and not line.startswith("#[")]
        for line in body[:-1]:
            self.assertRegex(line, r"^ *\d+\.\d{3} [01]\.\d{12} +\d+ +\d+\.\d\d$")
        self.assertRegex(body[-1], r"^ *\d+\.\d{3} 1\.0{12} +\d+$")
        closing = "\n".join(line for line in lines if line.startswith("#["))
        self.assertRegex(closing, r"^#\[Mean +=.*StdDeviation +=.*\]\n#\[Max +=.*Total count +=.*\]"
                                  r"\n#\[Buckets +=.*SubBuckets +=.*\]$")

    def test_quantiles_agree_with_json(self):
        latency, lines = self.read("-n", "1000", "-c", "2")
        rows = list(self.rows_of(lines))
        for quantile, name in ((0.5, "median"), (0.9, "p90"), (1, "max")):
            value = min(row[0] for row in rows if row[1] >= quantile)
            self.assertAlmostEqual(value, latency[name], delta=0.0006 + latency[name] / 100)

    def test_counts_ascend_to_the_total(self):
        latency, lines = self.read("-n", "777")
        rows = list(self.rows_of(lines))
        self.assertEqual(rows, sorted(rows))
        self.assertEqual(rows[-1][2], 777)
        self.assertEqual(rows[-1][2], latency["count"])
        for _, quantile, count in rows:
            self.assertGreaterEqual(count, int(quantile * 777 - 1e-6))

    def test_one_round_trip_has_a_first_and_a_last_row(self):
        latency, lines = self.read("-n", "1", "-c", "1")
        rows = list(self.rows_of(lines))
        self.assertEqual([row[1:] for row in rows], [(0, 1), (1, 1)])
        self.assertAlmostEqual(rows[-1][0], latency["max"], places=3)


class Browser(ReportTest):
    """In a real browser; skipped where there is none."""

    CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

    def setUp(self):
        if self.CHROMIUM is None:
            raise unittest.SkipTest("no chromium here")
        super().setUp()

    def browse(self, *arguments):
        return subprocess.run(
            [self.CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--window-size=1100,1500", f"--user-data-dir={self.folder}/profile", *arguments,
             "file://" + self.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=4 * PATIENCE, check=True).stdout

    def test_charts_have_sizes(self):
        self.load(*self.serve_daemon(), "-n", "500")
        # The page has no script; a copy of it gets one that writes down what the browser laid out.
        with open(self.path, encoding="utf-8") as file:
            text = file.read()
        probe = ("<script>document.body.dataset.sizes=[...document.querySelectorAll('svg')].map("
                 "e=>{let r=e.getBoundingClientRect();return Math.round(r.width)+'x'+"
                 "Math.round(r.height)}).join(' ')+' '+document.documentElement.scrollWidth"
                 "</script></body>")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text.replace("</body>", probe))
        dump = self.browse("--dump-dom").decode()
        *sizes, page_width = re.search(r'data-sizes="([^"]+)"', dump)[1].split()
        self.assertEqual(len(sizes), 3)
        for size in sizes:
            width, height = map(int, size.split("x"))
            self.assert_between(width, 400, 1000)
            self.assertAlmostEqual(width / height, WIDTH / HEIGHT, delta=0.05)
        self.assertLessEqual(int(page_width), 1100)

    def test_screenshot_shows_something(self):
        self.load(*self.serve_daemon(), "-n", "500")
        picture = os.path.join(self.folder, "page.png")
        self.browse("--screenshot=" + picture)
        with open(picture, "rb") as file:
            data = file.read()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack_from(">II", data, 16), (1100, 1500))
        self.assertGreater(len(data), 20_000)  # an empty page of this size has some 7000


if __name__ == "__main__":
    main()
