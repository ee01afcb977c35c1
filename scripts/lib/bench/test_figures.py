"""What is made of figures, with invented ones: nothing is started here."""

import unittest
import xml.etree.ElementTree as ElementTree

from . import page, plots, rounds, wanted
from .sections.storm import busiest


def times(p50: float, rate: float = 1_000) -> dict:
    return {
        "p50": p50,
        "p90": p50 * 1.2,
        "p99": p50 * 2,
        "p999": p50 * 3,
        "max": p50 * 9,
        "rate": rate,
        "count": 9,
        "errors": 0,
    }


def round_of(*p50s: float) -> dict:
    return {"rounds": [times(p50) for p50 in p50s]}


class Figures(unittest.TestCase):
    def test_rounds_take_turns_and_count_by_their_median(self):
        order = []
        values = iter([0.3, 9.0, 0.1, 0.2, 0.2, 9.0])

        def run(name):
            order.append(name)
            return times(next(values))

        taken = rounds.interleaved(3, {"a": lambda: run("a"), "b": lambda: run("b")})
        self.assertEqual(order, ["a", "b", "b", "a", "a", "b"])
        self.assertEqual(taken["a"]["p50"], 0.2)
        self.assertEqual([one["p50"] for one in taken["b"]["rounds"]], [9.0, 0.1, 9.0])

    def test_a_wish_is_judged_by_ratio_and_what_failed_is_told(self):
        wish = wanted.WISHES[0]
        both = {"1": {"hotseat": round_of(0.31), "pipeline": round_of(0.25)}}
        self.assertEqual([cells[-1] for cells in page.verdicts(wish, {"taken": both})], ["yes", "yes", "yes"])
        both["1"]["hotseat"] = round_of(0.33)
        self.assertEqual([cells[-1] for cells in page.verdicts(wish, {"taken": both})], ["**no**", "yes", "yes"])
        self.assertEqual(list(page.verdicts(wish, {"failed": "no Redis"})), [["", "not measured: no Redis", ""]])
        self.assertEqual(list(page.verdicts(wish, None)), [["", "not measured: not run yet", ""]])

    def test_a_ratio_is_of_figures_of_the_same_round(self):
        # The second round was spoilt for both; by their medians it would be 3.
        ours, theirs = round_of(0.3, 3.0, 0.8), round_of(0.1, 2.0, 0.4)
        self.assertEqual(rounds.ratio(ours, theirs, "p50"), 2.0)

    def test_the_bounds_count_as_met_and_beyond_them_not(self):
        self.assertTrue(wanted.Check("", 1.3, 1.3).is_met())
        self.assertFalse(wanted.Check("", 1.31, 1.3).is_met())
        self.assertTrue(wanted.Check("", 0.75, 0.75, at_least=True).is_met())
        self.assertFalse(wanted.Check("", 0.74, 0.75, at_least=True).is_met())

    def test_the_busiest_second_is_found_whatever_was_before(self):
        # Half a core for two seconds, nothing for two.
        used = [(tenth / 10, min(tenth, 20) / 20) for tenth in range(40)]
        self.assertAlmostEqual(busiest(used), 50, delta=1)
        self.assertEqual(busiest(used[-5:]), 0)

    def test_plots_are_whole_documents_whatever_the_figures(self):
        rows = [("hotseat", "Hotseat & co", times(0.31)), ("floor", "floor", times(0.00042))]
        for drawing in (
            plots.percentiles("a <title>", "a note", rows),
            plots.bars("bars", "", "KiB", [("hotseat", "Hotseat", 2.9), ("floor", "floor", 31.0)]),
        ):
            self.assertEqual(ElementTree.fromstring(drawing).tag, "{http://www.w3.org/2000/svg}svg")


if __name__ == "__main__":
    unittest.main()
