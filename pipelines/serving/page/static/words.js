// English and Chinese. `word(name, values)` fills {holes}; elements with data-word are filled by `translate`.

const EN = {
  skip: "Skip to the form", product: "Product", key: "API key", keyAsked: "This service asks for an API key",
  useKey: "Use it", keyHint: "It stays in this tab and is sent to this service only.", input: "Input", form: "Form",
  jsonHint: "A request body, a row, or a list of rows", predict: "Predict", example: "Example", curl: "Copy as curl",
  copied: "Copied", answer: "Answer", card: "Model card", dark: "Dark", light: "Light",
  nothing: "Fill in the form and press Predict.", asking: "Asking…", version: "model version", request: "request id",
  missing: "none", optional: "may be empty", range: "seen: {low} to {high}", threshold: "acts from {value}",
  probability: "probability of {target} = {value}", probabilityPlain: "probability", decision: "Decision: {value}",
  confidence: "confidence {value}", value: "predicted {target}", valuePlain: "predicted value",
  reasons: "What spoke for and against", reasonsNumber: "What moved the value", for: "raises it", against: "lowers it",
  noReasons: "No single feature stands out.", classes: "All classes", row: "Row", rows: "{n} rows answered",
  fields: "{n} fields", task_binary: "yes or no", task_multiclass: "one of several", task_regression: "a number",
  truth: "What really happened?", truthSend: "Send", truthThanks: "Thank you, it was joined to this answer.",
  truthNot: "It was not kept: {status}", truthUnavailable: "This service keeps no feedback.",
  noProducts: "No model answers yet. {why}", unreachable: "The service does not answer. {why}",
  notJson: "This is not JSON: {why}", refused: "The service refused this: {why}", tokens: "Which words counted",
  gain: "expected gain {value}", offers: "Expected effect of each offer", rank: "above {value} of customers",
  offersHint: "Band: the mean effect among customers like this one.", ahead: "expected, {n} steps ahead",
  usual: "line: usual is {value}", quantiles: "Likely range", unsure: "Below {value}: a person should check",
  wrongKey: "This key is not accepted: {why}", noCard: "This version has no model card.", took: "{ms} ms",
};

const ZH = {
  skip: "跳到表单", product: "产品", key: "API 密钥", keyAsked: "此服务需要 API 密钥", useKey: "使用",
  keyHint: "密钥只留在此标签页，只发送给本服务。", input: "输入", form: "表单", jsonHint: "请求体、一行，或多行的列表",
  predict: "预测", example: "示例", curl: "复制为 curl", copied: "已复制", answer: "结果", card: "模型卡", dark: "深色",
  light: "浅色", nothing: "填写表单，然后点“预测”。", asking: "正在请求…", version: "模型版本", request: "请求编号", missing: "无",
  optional: "可留空", range: "训练范围：{low} 至 {high}", threshold: "阈值 {value}", probability: "{target} = {value} 的概率",
  probabilityPlain: "概率", decision: "判定：{value}", confidence: "置信度 {value}", value: "预测的 {target}", valuePlain: "预测值",
  reasons: "支持与反对的依据", reasonsNumber: "影响数值的因素", for: "推高", against: "拉低", noReasons: "没有突出的单个特征。",
  classes: "全部类别", row: "行", rows: "已回答 {n} 行", fields: "{n} 个字段", task_binary: "是或否", task_multiclass: "多选一",
  task_regression: "一个数值", truth: "实际结果是什么?", truthSend: "提交", truthThanks: "谢谢，已与此结果关联。",
  truthNot: "未保存：{status}", truthUnavailable: "此服务不保存反馈。", noProducts: "还没有模型可用。{why}",
  unreachable: "服务没有响应。{why}", notJson: "这不是 JSON：{why}", refused: "服务拒绝了此请求：{why}", tokens: "哪些词起了作用",
  gain: "预期收益 {value}", offers: "各方案的预期效果", rank: "高于 {value} 的客户",
  offersHint: "色带：相似客户的平均效果。", ahead: "预期值，提前 {n} 步", usual: "竖线：平常为 {value}", quantiles: "可能范围",
  unsure: "低于 {value}：应由人工核对",
  wrongKey: "此密钥不被接受：{why}", noCard: "此版本没有模型卡。", took: "{ms} 毫秒",
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
