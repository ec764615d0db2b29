"""The sentences of the alarm mail, in English and Chinese."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "cause_data_drift": ("inputs have moved", "输入发生漂移"),
    "cause_prediction_drift": ("predictions have moved", "预测发生漂移"),
    "cause_broken": ("{name} is broken", "{name} 数据损坏"),
    "cause_volume": ("unusual number of requests", "请求量异常"),
    "cause_estimated_loss": ("estimated loss of quality", "估计质量下降"),
    "cause_measured_loss": ("measured loss of quality", "实测质量下降"),
    "cause_fairness": ("gap between groups of {name}", "{name} 各组之间差距过大"),
    "alarm_subject": ("alarm: {causes}", "告警：{causes}"),
    "alarm_title": ("Alarm in production", "生产告警"),
    "alarm_lead": (
        "Since {since}, what {product} is asked, or how well it answers, has not been what its model was proved on. "
        "{windows} of the last windows show it, so it is no outlier.",
        "自 {since} 起，{product} 收到的请求或其回答质量与模型验证时不同。"
        "最近有 {windows} 个窗口显示同样的变化，并非偶然。",
    ),
    "section_causes": ("What has changed, and since when", "变化内容及起始时间"),
    "column_cause": ("Cause", "原因"),
    "column_size": ("Size (limit)", "幅度（上限）"),
    "column_since": ("Since", "起始"),
    "size_text": ("{effect} ({limit})", "{effect}（{limit}）"),
    "window_span": ("{rows:,} rows, {since} to {until} UTC", "{rows:,} 行，{since} 至 {until} UTC"),
    "fact_cost": ("Probable cost", "可能的代价"),
    "cost_text": (
        "{more} a row more than on the reference, {hour} an hour at {rate:,.0f} rows an hour",
        "每行比参考多 {more}，按每小时 {rate:,.0f} 行计，每小时多 {hour}",
    ),
    "cost_less": (
        "none more: {window} a row, {reference} on the reference, if the probabilities still hold",
        "没有增加：每行 {window}，参考为 {reference}（假定概率仍然可信）",
    ),
    "cost_doubt": (
        "; the outcomes in hand say that they do not: the real cost is higher",
        "；但已知的实际结果表明概率已不可信，实际代价更高",
    ),
    "fact_measured": ("Measured quality", "实测质量"),
    "measured_text": (
        "{name} {reference} → {window} ({low} to {high}) on {outcomes:,} outcomes",
        "{name} {reference} → {window}（{low} 至 {high}），基于 {outcomes:,} 个实际结果",
    ),
    "unobserved_text": (
        "; {share} of the answers have no outcome yet (known: {parts}, from low to high scores), so the measured rows "
        "may be a selection",
        "；{share} 的回答尚无实际结果（按分数由低到高已知：{parts}），因此实测行可能是有偏样本",
    ),
    "measured_none": ("no outcome has come in yet", "尚无实际结果"),
    "measured_few": ("too few outcomes have come in", "实际结果太少"),
    "fact_volume": ("Requests", "请求量"),
    "volume_text": ("{now:,.0f} rows an hour, usually {usual:,.0f}", "每小时 {now:,.0f} 行，通常 {usual:,.0f}"),
    "volume_first": ("{now:,.0f} rows an hour; no history yet", "每小时 {now:,.0f} 行；尚无历史"),
    "fact_gap": ("Groups of {column}", "{column} 各组"),
    "gap_text": (
        "share acted on is {gap} apart between {highest} and {lowest} (limit {limit})",
        "{highest} 与 {lowest} 之间处理比例相差 {gap}（上限 {limit}）",
    ),
    "fact_retrain": ("Retraining", "重新训练"),
    "retrain_asked": (
        "asked for now: the gates decide whether the new model takes over",
        "已自动发起：由质量门决定新模型是否上线",
    ),
    "retrain_broken": (
        "not asked for: a broken feed or an unusual volume is not mended by training",
        "未发起：数据源故障或请求量异常无法通过训练修复",
    ),
    "retrain_off": ("not asked for by itself (watch.retrain is off)", "未自动发起（watch.retrain 已关闭）"),
    "retrain_later": (
        "not asked for yet: only drift that lasts, or a loss beyond the margin, asks for it",
        "暂未发起：仅在漂移持续或损失超出范围时发起",
    ),
    "picture_timeline": (
        "Quality window by window: estimated without outcomes, and measured where they are known",
        "各窗口的质量：无结果时的估计值，以及已知结果的实测值",
    ),
    "estimated": ("estimated", "估计"),
    "measured": ("measured", "实测"),
    "proved": ("when proved", "验证时"),
    "next_again_log": ("To judge the newest requests by hand:", "手动检查最新请求："),
    "next_history": ("Which model answers, and since when:", "当前模型及其上线时间："),
    "next_rollback": (
        "If the loss began with the last promotion, go back to the model before it:",
        "如果质量下降始于上次上线，请回退到之前的模型：",
    ),
    "section_links": ("Links", "链接"),
    "link_service": ("Service", "服务"),
    "link_airflow": ("Airflow", "Airflow"),
    "link_report": ("Report", "报告"),
    "footer_alarm": (
        "Nightshift, watch of {until} UTC. One mail per cause; the next one after {hours:g} hours at the earliest. "
        "Message for {to}.",
        "Nightshift，{until} UTC 的监控。每个原因一封邮件；最早 {hours:g} 小时后再次发送。收件人：{to}。",
    ),
}
