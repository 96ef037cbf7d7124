// Opens a report's page in a real browser and checks what a reader meets: valid HTML, nothing fetched, no script needed, no
// sideways scrolling down to 320 pixels, accessibility (axe), keyboard, print. Keeps pictures where asked.
//
//   node page.mjs BROWSER PAGE [PICTURES]
//
// One line a check on stdout: `ok WHAT` or `WRONG WHAT: WHY`. The exit code is 1 where something is wrong.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { HtmlValidate } from "html-validate";
import puppeteer from "puppeteer-core";

const [browserPath, file, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// A phone, a desk, and the narrowest at which WCAG 2.1 (1.4.10) asks for a page without sideways scrolling.
const WIDTHS = [1280, 390, 320];
const SCHEMES = ["light", "dark"];
// A4 less margins of 1 cm, in CSS pixels.
const PAPER = 718;

let failed = false;
function tell(what, wrong) {
  failed ||= wrong.length > 0;
  console.log(wrong.length ? `WRONG ${what}: ${wrong.join("; ")}` : `ok ${what}`);
}

// What is known to be meant: a table's frame is scrolled by the keyboard, so it takes the focus.
const validator = new HtmlValidate({
  extends: ["html-validate:recommended", "html-validate:document"],
  rules: { "no-trailing-whitespace": "off", "long-title": "off", "require-sri": "off" },
});

async function validate() {
  const report = await validator.validateFile(file);
  const found = report.results.flatMap((r) => r.messages).map((m) => `line ${m.line}:${m.column} ${m.message} (${m.ruleId})`);
  tell("HTML is valid", found.slice(0, 10));
}

// Runs inside the page.
const scrollsSideways = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
const scripts = () =>
  document.querySelectorAll("script").length +
  [...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).length;
const framesOutOfReach = () =>
  [...document.querySelectorAll("*")]
    .filter((e) => /auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth)
    .filter((e) => e.tabIndex < 0 || !(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")))
    .map((e) => `${e.tagName.toLowerCase()}.${e.className} cannot be scrolled by the keyboard or has no name`);
const cutOff = () =>
  [...document.querySelectorAll("body *")]
    .filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible")
    .map((e) => `${e.tagName.toLowerCase()}.${e.className} is cut off on paper`);
const verdictsOutOfSight = () => {
  const right = document.documentElement.clientWidth;
  return [...document.querySelectorAll("table .pill")]
    .filter((e) => e.getBoundingClientRect().right > right || e.getBoundingClientRect().left < 0)
    .slice(0, 3)
    .map((e) => `${e.textContent.trim()} in ${e.closest("table").caption?.textContent ?? "a table"}`);
};
const widest = () => {
  const right = document.documentElement.clientWidth + 1;
  const framed = (e) => e.parentElement && e.parentElement.closest(".scroll");
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > right && !framed(e))
    .slice(0, 3)
    .map((e) => `${e.tagName.toLowerCase()}.${e.getAttribute("class")}`);
};

async function look(page, width, scheme) {
  const name = `${width} px, ${scheme}`;
  await page.setViewport({ width, height: 900, deviceScaleFactor: width < 600 ? 2 : 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  const over = await page.evaluate(scrollsSideways);
  tell(`${name}: the page does not scroll sideways`, over > 0 ? [`${over} px too wide: ${await page.evaluate(widest)}`] : []);
  if (width >= 390) tell(`${name}: every verdict is in sight`, await page.evaluate(verdictsOutOfSight));
  tell(`${name}: every frame that scrolls takes the focus and has a name`, await page.evaluate(framesOutOfReach));
  const { violations } = await page.evaluate(async () =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  tell(
    `${name}: accessible (axe)`,
    violations.map((v) => `${v.id}, ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(", ")}`),
  );
  if (pictures && width >= 390) {
    await page.screenshot({ path: join(pictures, `${width}-${scheme}.png`), fullPage: true });
  }
}

// Tab must come to everything that can be focused, in the page's order, and show where it is.
async function keyboard(page) {
  const wanted = await page.evaluate(
    () => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].length,
  );
  const wrong = [];
  for (let i = 0; i < wanted; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
      return { index: all.indexOf(e), outline: getComputedStyle(e).outlineStyle, what: e.outerHTML.slice(0, 60) };
    });
    if (at.index !== i) wrong.push(`Tab ${i + 1} came to ${at.what}`);
    else if (at.outline === "none") wrong.push(`nothing shows the focus on ${at.what}`);
  }
  tell("keyboard: Tab comes to everything, in order, visibly", wrong.slice(0, 3));
  const moved = await page.evaluate(() => {
    const frame = [...document.querySelectorAll(".scroll")].find((e) => e.scrollWidth > e.clientWidth + 20);
    if (frame) frame.focus();
    return Boolean(frame);
  });
  if (!moved) return;
  await page.keyboard.press("ArrowRight");
  const scrolled = await page
    .waitForFunction(() => document.activeElement.scrollLeft > 0, { timeout: 3000 })
    .then(() => [], () => ["the arrow keys do not move it"]);
  tell("keyboard: a wide table scrolls by the arrow keys", scrolled);
}

async function print(page) {
  await page.evaluate(() => document.activeElement.blur());
  // In this order: setting features forgets the type.
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await page.emulateMediaType("print");
  await page.setViewport({ width: PAPER, height: 1000 });
  const over = await page.evaluate(scrollsSideways);
  tell("paper: nothing is cut off", [...(over > 0 ? [`the page is ${over} px too wide`] : []), ...(await page.evaluate(cutOff))]);
  const margin = { top: "1cm", bottom: "1cm", left: "1cm", right: "1cm" };
  const pdf = await page.pdf({ format: "A4", margin, path: pictures && join(pictures, "print.pdf") });
  tell("paper: a PDF comes out", pdf.length > 1000 ? [] : ["it is empty"]);
}

if (pictures) mkdirSync(pictures, { recursive: true });
await validate();
const browser = await puppeteer.launch({
  executablePath: browserPath,
  args: ["--disable-gpu", "--disable-dev-shm-usage", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
});
try {
  const page = await browser.newPage();
  const address = pathToFileURL(file).href;
  const [requests, complaints] = [[], []];
  page.on("request", (r) => {
    if (r.url() !== address && !r.url().startsWith("data:")) requests.push(r.url());
  });
  page.on("console", (m) => complaints.push(m.text()));
  page.on("pageerror", (e) => complaints.push(e.message));
  await page.setOfflineMode(true);
  await page.goto(address, { waitUntil: "load" });
  tell("nothing is fetched", requests);
  tell("the browser has no complaint", complaints);
  const count = await page.evaluate(scripts);
  tell("there is no script", count ? [`${count} elements hold one`] : []);
  await page.evaluate(axe);
  for (const width of WIDTHS) for (const scheme of SCHEMES) await look(page, width, scheme);
  await page.setViewport({ width: 390, height: 900 });
  await keyboard(page);
  await print(page);
} finally {
  await browser.close();
}
process.exitCode = failed ? 1 : 0;
