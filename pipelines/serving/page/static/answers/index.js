// Which module shows which answer. A module exports `fits(product, answer)` and `render(product, answer, row)`: a list
// of elements. A new kind of answer is a new module here, and nothing else of the page.

import * as binary from "./binary.js";
import * as classes from "./classes.js";
import * as forecast from "./forecast.js";
import * as uplift from "./uplift.js";
import * as value from "./value.js";
import * as other from "./other.js";
import * as reply from "./reply.js";

const KINDS = [uplift, forecast, reply, binary, classes, value, other];

export function render(product, answer, row) {
  return KINDS.find((kind) => kind.fits(product, answer)).render(product, answer, row);
}
