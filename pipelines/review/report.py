"""What people have answered, how far they agree, and what the answers have changed: lines for a terminal."""

from __future__ import annotations

from collections import defaultdict

from pipelines.config import Product
from pipelines.problems.common.identity import same_value
from pipelines.records import review, review_answers
from pipelines.records.store import Records
from pipelines.review.reconciling import agreement, annotators, reconcile, tally


def report(records: Records, block: Product, product: str) -> list[str]:
    """The report of one product."""
    states = review.counts(records, product).get(product, {})
    votes = review_answers.votes(records, product)
    found, undecided = reconcile(block, votes)
    given = sum(len(said) for _, said in votes)
    waits = f"{states.get('open', 0)} rows wait"
    if not votes:
        return [f"{product}: nobody has answered yet; {waits}"]
    lines = [
        f"{product}: {given} answers to {len(votes)} rows, {len(found)} labels ({block.label.review.reconcile}), "
        f"{len(undecided)} without a majority; {waits}",
        "sureness: " + ", ".join(f"{word} {count}" for word, count in sorted(tally(votes).items())),
        "",
        f"{'annotator':<24} {'answers':>8} {'as the label':>13} {'accuracy':>9}",
    ]
    for one in annotators(block, votes):
        lines.append(f"{one.name:<24.24} {one.answers:>8} {_share(one.agrees):>13} {_share(one.accuracy):>9}")
    seen = agreement(block, votes)
    if seen.items:
        alpha = "undefined" if seen.alpha is None else f"{seen.alpha:.3f}"
        lines += ["", f"agreement on {seen.items} rows with several answers: Krippendorff's alpha {alpha}"]
        for (one_name, other), kappa in seen.kappa.items():
            value = "undefined" if kappa is None else f"{kappa:.3f}"
            lines.append(f"  Cohen's kappa {one_name} and {other}: {value}")
    else:
        lines += ["", "agreement: no row has two answers (label.review.annotators)"]
    asked: dict[str, list[bool]] = defaultdict(list)
    for label in found:
        if label.item.given is not None:
            asked[label.item.source].append(not same_value(label.item.given, label.label))
    if asked:
        lines += ["", "labels that people changed, by why they were asked:"]
        lines += [
            f"  {source:<26} {sum(changed):>5} of {len(changed)} ({sum(changed) / len(changed):.0%})"
            for source, changed in sorted(asked.items())
        ]
    return lines


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
