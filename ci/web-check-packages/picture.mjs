// Takes a picture of a report's page for the documents: from the verdict to the end of the results, 1280 pixels wide. What
// differs between machines (clock, processor, speed) is left out.
//
//   node picture.mjs BROWSER PAGE OUT.png
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [browserPath, file, out] = process.argv.slice(2);
// Below the results, as much room as beside them.
const ROOM = 24;

const browser = await puppeteer.launch({
  executablePath: browserPath,
  args: ["--disable-gpu", "--disable-dev-shm-usage", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
});
try {
  const page = await browser.newPage();
  await page.setOfflineMode(true);
  await page.setViewport({ width: 1280, height: 900, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
  await page.goto(pathToFileURL(file).href, { waitUntil: "load" });
  await page.addStyleTag({ content: ".facts { display: none; }" });
  const height = await page.evaluate(() => document.querySelector("#results").getBoundingClientRect().bottom);
  await page.screenshot({ path: out, clip: { x: 0, y: 0, width: 1280, height: Math.ceil(height) + ROOM } });
} finally {
  await browser.close();
}
