"""The sentences of mails and pictures, in English and Chinese."""

from __future__ import annotations

from typing import Literal

from pipelines.monitoring.alarm_words import WORDS as ALARM_WORDS

Language = Literal["en", "zh"]

_WORDS: dict[str, tuple[str, str]] = {
    # subject lines and headlines
    "subject_alarm": (
        "drift alarm, {moved} of {inputs} input columns moved",
        "漂移告警，{inputs} 个输入列中有 {moved} 个发生变化",
    ),
    "subject_moved": (
        "some drift, {moved} of {inputs} input columns moved",
        "轻微漂移，{inputs} 个输入列中有 {moved} 个发生变化",
    ),
    "subject_steady": ("steady, no column moved", "稳定，没有列发生变化"),
    "subject_unjudged": ("too few rows to judge", "行数太少，无法判断"),
    "title_alarm": ("Drift alarm", "漂移告警"),
    "title_moved": ("Some drift", "轻微漂移"),
    "title_steady": ("Steady", "稳定"),
    "title_unjudged": ("Not judged", "未判断"),
    "lead_alarm": (
        "The requests of {day} differ from the data that the model was proved on. "
        "Its quality there is not assured until the cause is known.",
        "{day} 的请求与模型验证时所用的数据不同。在查明原因之前，模型质量无法保证。",
    ),
    "lead_moved": (
        "A few columns of {day} differ from the data that the model was proved on; the change as a whole is small.",
        "{day} 的少数列与模型验证时所用的数据不同，总体变化较小。",
    ),
    "lead_steady": (
        "The requests of {day} look like the data that the model was proved on.",
        "{day} 的请求与模型验证时所用的数据一致。",
    ),
    "lead_unjudged": (
        "The window of {day} has {rows} rows; fewer than {least} say nothing about drift.",
        "{day} 的窗口只有 {rows} 行，少于 {least} 行无法判断漂移。",
    ),
    # facts
    "section_compared": ("What was compared", "比较对象"),
    "fact_product": ("Product", "产品"),
    "fact_window": ("Window", "窗口"),
    "window_text": (
        "{rows:,} rows of {day}, answered by the running service",
        "{day} 的 {rows:,} 行，由运行中的服务作答",
    ),
    "fact_reference": ("Reference", "参考"),
    "reference_text": ("{rows:,} test rows of version {version}", "版本 {version} 的 {rows:,} 行测试数据"),
    "fact_share": ("Input columns moved", "变化的输入列"),
    "share_text": (
        "{moved} of {inputs} ({share}); alarm from {limit}",
        "{inputs} 列中的 {moved} 列（{share}）；达到 {limit} 告警",
    ),
    "fact_prediction": ("Predictions", "预测"),
    "prediction_still": ("not moved (effect {effect}, limit {limit})", "未变化（效应量 {effect}，上限 {limit}）"),
    "prediction_noise": (
        "not moved (effect {effect} is within the noise of so few rows, limit {limit})",
        "未变化（效应量 {effect} 在少量行的噪声之内，上限 {limit}）",
    ),
    "prediction_moved": (
        "moved: {change} (effect {effect}, limit {limit})",
        "已变化：{change}（效应量 {effect}，上限 {limit}）",
    ),
    "prediction_none": ("no score was answered", "没有得到预测分数"),
    "fact_estimate": ("Estimated quality", "估计的质量"),
    "estimate_worse": ("{name} {a} → {b}, a loss beyond noise", "{name} {a} → {b}，超出噪声的损失"),
    "estimate_still": ("{name} {a} → {b}, no loss beyond noise", "{name} {a} → {b}，没有超出噪声的损失"),
    "estimate_tail": ("(without outcomes, if the probabilities still hold)", "（尚无实际结果，假定概率仍然可信）"),
    "fact_refused": ("Refused rows", "被拒绝的行"),
    "refused_text": (
        "{count:,} of {rows:,} ({share}): {example}",
        "{rows:,} 行中的 {count:,} 行（{share}）：{example}",
    ),
    "fact_since": ("Alarm since", "告警始于"),
    "since_text": ("{day} ({windows} windows in a row)", "{day}（连续 {windows} 个窗口）"),
    "fact_rule": ("Rule", "规则"),
    "rule_text": (
        "a column has moved when its effect reaches {effect:g} and the adjusted p-value is at most {significance:g}",
        "效应量达到 {effect:g} 且校正后的 p 值不超过 {significance:g} 时，该列视为已变化",
    ),
    # what moved
    "section_moved": ("What moved, by how much", "变化的列及幅度"),
    "column": ("Column", "列"),
    "effect": ("Effect", "效应量"),
    "change": ("Reference → window", "参考 → 窗口"),
    "named_more": ("{names} and {count} more", "{names} 以及另外 {count} 列"),
    "more_columns": ("and {count} more in the report", "报告中还有 {count} 列"),
    "mean": ("mean {a} → {b}", "均值 {a} → {b}"),
    "median": ("median {a} → {b}", "中位数 {a} → {b}"),
    "missing": ("missing {a} → {b}", "缺失 {a} → {b}"),
    "unseen": ("new categories {names}: {share} of rows", "新类别 {names}：占 {share} 的行"),
    "prediction": ("prediction", "预测"),
    # pictures
    "section_pictures": ("Pictures", "图表"),
    "picture_effects": (
        "Effect size of each column: red has moved; grey beyond the limit is within noise",
        "各列的效应量：红色为已变化，超过上限的灰色属于噪声",
    ),
    "picture_distributions": ("The columns furthest from the reference", "与参考差异最大的列"),
    "effects": ("effect size", "效应量"),
    "limit": ("limit", "上限"),
    "reference": ("reference", "参考"),
    "window": ("window", "窗口"),
    # what next
    "section_next": ("What to do next", "下一步"),
    "next_report": ("Open the attached report, or on the machine:", "打开附件中的报告，或在机器上查看："),
    "next_source": (
        "Ask the owner of the source what changed in {columns}. A broken feed is mended there, not by training.",
        "向数据源负责人确认 {columns} 发生了什么变化。数据源故障应在源头修复，而不是重新训练。",
    ),
    "next_retrain": (
        "If the change is real and lasting, train on newer rows; the gates decide whether the new model is better:",
        "如果变化真实且持续，请用更新的数据训练；是否更好由质量门判定：",
    ),
    "next_back": ("To watch the same day again:", "重新检查同一天："),
    "next_nothing": ("Nothing. The next night watches again.", "无需操作。下一夜会继续检查。"),
    "next_rows": (
        "See that requests reach the service; the next window is judged when it has {least} rows.",
        "确认请求能到达服务；窗口达到 {least} 行后才会判断。",
    ),
    # where
    "section_files": ("Where the reports are", "报告位置"),
    "files_text": ("In the checkout, under:", "位于项目目录下："),
    "footer": ("Nightshift, night {night}. Message for {to}.", "Nightshift，夜次 {night}。收件人：{to}。"),
    # failure
    "subject_failure": ("{task} failed", "{task} 失败"),
    "title_failure": ("The lane stopped", "流程已停止"),
    "lead_failure": (
        "The night stopped at {task}. What serves now keeps serving; no model was replaced by this lane.",
        "本夜在 {task} 处停止。当前服务的模型保持不变，此流程没有替换任何模型。",
    ),
    "lead_failure_watch": (
        "The model of this night was released and serves; only the watch of it failed.",
        "本夜的模型已经上线并在服务，只有对它的监控失败。",
    ),
    "section_failure": ("What happened", "发生了什么"),
    "fact_task": ("Task", "任务"),
    "fact_night": ("Night", "夜次"),
    "fact_message": ("Message", "消息"),
    "next_status": ("See where the lane stands:", "查看流程状态："),
    "next_again": (
        "Mend the cause, then run the lane again by hand; finished stages are kept:",
        "修复原因后手动重新运行；已完成的阶段会保留：",
    ),
}


def say(language: Language, key: str, **values: object) -> str:
    """One sentence in the language, its places filled in."""
    found = _WORDS.get(key) or ALARM_WORDS[key]
    return found[0 if language == "en" else 1].format(**values)


def labels(language: Language) -> dict[str, str]:
    """The words in pictures."""
    return {
        key: say(language, key)
        for key in ("effects", "limit", "reference", "window", "estimated", "measured", "proved")
    }
