/** The page of `sluice heap web`. */

import { HeapPage } from "./page";

const page = new HeapPage();
document.body.append(...page.roots);
void page.start();

// For tests and benchmarks: what cannot be clicked on a canvas.
Object.assign(window, { sluice: page });
