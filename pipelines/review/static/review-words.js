// English and Chinese. `word(name, values)` fills {holes}; elements with data-word are filled by `translate`.

const EN = {
  annotator: "Annotator", nothing: "Nothing is left for you to answer.", again: "Look again",
  similar: "Labelled cases like it", search: "Search all classes", number: "A number", keep: "Keep",
  reply: "The right text", sureness: "How sure", guess: "a guess", fairly: "fairly", sure: "sure", note: "Note",
  skip: "Skip", undo: "Undo", counts: "{done} answered by you, {left} left", given: "Labelled now as ",
  ask: "What is its {target}?", askText: "What should have been said?", yes: "yes", no: "no", missing: "none",
  forgotten: "What was shown is no longer kept; the answer still counts.", who: "Say who you are first.",
  again_soon: "Not kept yet: {why}. It is tried again; keep this page open.", unreachable: "the page's server does not answer",
  refused: "Not kept: {why}", not_number: "That is not a number.", more: "{n} more: type to narrow it down",
  uncertain: "unsure", suspect: "suspect label", low_confidence_production: "unsure in production",
  disagreement: "models disagree", contradicting_feedback: "feedback contradicts", chat: "chat",
};

const ZH = {
  annotator: "标注人", nothing: "没有需要您回答的内容了。", again: "再看一次", similar: "相似的已标注案例", search: "搜索全部类别",
  number: "一个数值", keep: "保存", reply: "正确的文本", sureness: "把握", guess: "猜测", fairly: "较有把握", sure: "确定", note: "备注",
  skip: "跳过", undo: "撤销", counts: "您已回答 {done} 条，还剩 {left} 条", given: "当前标签：", ask: "它的 {target} 是什么？",
  askText: "应该怎样回答？", yes: "是", no: "否", missing: "无", forgotten: "显示过的内容已不再保留；回答仍然有效。", who: "请先填写您的名字。",
  again_soon: "尚未保存：{why}。正在重试，请不要关闭此页。", unreachable: "页面的服务没有响应", refused: "未保存：{why}",
  not_number: "这不是数值。", more: "还有 {n} 个：输入以缩小范围", uncertain: "模型不确定", suspect: "可疑标签",
  low_confidence_production: "线上不确定", disagreement: "模型意见不一", contradicting_feedback: "反馈矛盾", chat: "对话",
};

const STORED = "nightshift-language";
let current = localStorage.getItem(STORED) || (navigator.language.startsWith("zh") ? "zh" : "en");

export const language = () => current;

export function word(name, values = {}) {
  const text = (current === "zh" ? ZH : EN)[name] ?? EN[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (hole, key) => values[key] ?? hole);
}

export function setLanguage(chosen) {
  current = chosen;
  localStorage.setItem(STORED, chosen);
}

export function translate(root = document) {
  document.documentElement.lang = current === "zh" ? "zh-Hans" : "en";
  for (const node of root.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
}
