/** The page of `sluice serve`. */

import { ServePage } from "./serve_page";

const page = new ServePage();
document.body.append(...page.roots);
void page.start();

// For tests: what they wait for.
Object.assign(window, { sluice: page });
