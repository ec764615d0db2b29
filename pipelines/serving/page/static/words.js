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
  fields: "{n} fields", task_binary: "yes or no", task_multiclass: "one of several", task_multilabel: "several of many", task_regression: "a number",
  truth: "What really happened?", truthSend: "Send", truthThanks: "Thank you, it was joined to this answer.",
  truthNot: "It was not kept: {status}", truthUnavailable: "This service keeps no feedback.",
  noProducts: "No model answers yet. {why}", unreachable: "The service does not answer. {why}",
  notJson: "This is not JSON: {why}", refused: "The service refused this: {why}", tokens: "Which words counted",
  gain: "expected gain {value}", offers: "Expected effect of each offer", rank: "above {value} of customers",
  offersHint: "Band: the mean effect among customers like this one.", ahead: "expected, {n} steps ahead",
  usual: "line: usual is {value}", quantiles: "Likely range", unsure: "Below {value}: a person should check",
  wrongKey: "This key is not accepted: {why}", noCard: "This version has no model card.", took: "{ms} ms",
  openChat: "Open the chat", skipChat: "Skip to the message", dialogue: "Dialogue", fresh: "New dialogue",
  chatEmpty: "You play the customer. Write the first message.", asCustomer: "You, as the customer", say: "Say it",
  desk: "The agent’s desk", cancel: "Cancel", deskEmpty: "What the service suggests appears here.",
  asAgent: "The agent’s reply", sendReply: "Send as the agent", restore: "Back to the suggestion",
  judge: "Was the suggestion right?", evidence: "Past turns that support it", knowledge: "What the systems show",
  pairs: "Fields", addPair: "Add a field", removePair: "Remove this field", fieldName: "Field", fieldValue: "Value",
  askAgain: "Suggest again", customer: "Customer", agent: "Agent", how_suggested: "as suggested", how_edited: "edited",
  how_own: "own words", noReplies: "No product that suggests replies is served yet.", brokeOff: "The stream broke off.",
  cancelled: "Cancelled: the service has stopped working on it.", writing: "Writing, {n} tokens…", looking: "Looking…",
  intent: "Intent", notSure: "not sure", nextAction: "Next action", handOver: "For a person: {why}",
  maySend: "Sure enough to be sent", thumb_up: "Right", thumb_down: "Wrong", alike: "{value} alike",
  hintSuggested: "As suggested. Change it as you like; what you change is kept as a correction.",
  hintEdited: "Your words. When you send them they are kept as the right reply.",
  hintOwn: "Nothing is suggested. What you send is kept as the right reply.",
  alternatives: "What else could be said", tellRight: "Write what should have been said, and send it.", asked: "It waits in the review queue.", task_reply: "a reply",
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
  task_multilabel: "多选多", task_regression: "一个数值", truth: "实际结果是什么?", truthSend: "提交", truthThanks: "谢谢，已与此结果关联。",
  truthNot: "未保存：{status}", truthUnavailable: "此服务不保存反馈。", noProducts: "还没有模型可用。{why}",
  unreachable: "服务没有响应。{why}", notJson: "这不是 JSON：{why}", refused: "服务拒绝了此请求：{why}", tokens: "哪些词起了作用",
  gain: "预期收益 {value}", offers: "各方案的预期效果", rank: "高于 {value} 的客户",
  offersHint: "色带：相似客户的平均效果。", ahead: "预期值，提前 {n} 步", usual: "竖线：平常为 {value}", quantiles: "可能范围",
  unsure: "低于 {value}：应由人工核对",
  wrongKey: "此密钥不被接受：{why}", noCard: "此版本没有模型卡。", took: "{ms} 毫秒",
  openChat: "打开对话页", skipChat: "跳到消息", dialogue: "对话", fresh: "新对话", chatEmpty: "你扮演客户。请写第一条消息。",
  asCustomer: "你（客户）", say: "发送", desk: "客服席", cancel: "取消", deskEmpty: "服务的建议会显示在这里。",
  asAgent: "客服的回复", sendReply: "以客服身份发送", restore: "恢复建议", judge: "建议正确吗？", evidence: "支持它的过往轮次",
  knowledge: "系统显示的内容", pairs: "字段", addPair: "添加字段", removePair: "删除此字段", fieldName: "字段名", fieldValue: "值",
  askAgain: "重新建议", customer: "客户", agent: "客服", how_suggested: "按建议", how_edited: "已修改", how_own: "自己的话",
  noReplies: "还没有提供回复建议的产品。", brokeOff: "数据流中断了。", cancelled: "已取消：服务已停止处理。",
  writing: "正在书写，{n} 个词元…", looking: "正在查找…", intent: "意图", notSure: "不确定", nextAction: "下一步动作",
  handOver: "需人工处理：{why}", maySend: "把握足够，可以发送", thumb_up: "正确", thumb_down: "不正确", alike: "相似度 {value}",
  hintSuggested: "与建议相同。可以修改；修改会作为更正保存。", hintEdited: "你的话。发送后会作为正确回复保存。",
  hintOwn: "没有建议。你发送的内容会作为正确回复保存。", alternatives: "其他说法", tellRight: "请写下应该说的话并发送。", asked: "已放入审核队列。", task_reply: "一条回复",
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
