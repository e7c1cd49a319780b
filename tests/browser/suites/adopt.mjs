// A Compose project that runs without the box is looked at and taken over, as its owner does it.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { Box, engine, freePort } from "../lib/box.mjs";
import { claimed, jobEnds, lookAround } from "../lib/hands.mjs";
import { look } from "../lib/look.mjs";
import { suite } from "../lib/runner.mjs";

const IMAGE = "orbitr-test/web:1.0.0";

/** What `docker compose up` makes of a project with one service, with the labels that it puts there. */
async function comesUp(name, folder, port) {
  const [repository, tag] = IMAGE.split(":");
  await engine("POST", `/images/create?fromImage=${repository}&tag=${tag}`);
  const labels = {
    "com.docker.compose.project": name,
    "com.docker.compose.service": "web",
    "com.docker.compose.project.working_dir": folder,
    "com.docker.compose.project.config_files": path.join(folder, "compose.yaml"),
    "com.docker.compose.oneoff": "False",
  };
  const made = await engine("POST", `/containers/create?name=${name}-web-1`, JSON.stringify({
    Image: IMAGE,
    Labels: labels,
    ExposedPorts: { "80/tcp": {} },
    HostConfig: { PortBindings: { "80/tcp": [{ HostPort: String(port) }] }, Binds: [`${folder}/site:/www/site`] },
  }));
  await engine("POST", `/containers/${made.Id}/start`);
}

const test = suite("adopt", {
  async setup() {
    const box = await Box.start("adopt");
    const folder = await mkdtemp("/var/tmp/orbitr-old-");
    const [name, port] = [box.app("old"), await freePort()];
    await mkdir(path.join(folder, "site"));
    await writeFile(path.join(folder, "site/index.html"), "the site\n");
    await writeFile(path.join(folder, "compose.yaml"), `services:
  web:
    image: ${IMAGE}
    container_name: shop
    ports: ["${port}:80"]
    environment: {API_TOKEN: "a-token-that-is-secret"}
    volumes: ["./site:/www/site", "/etc/hostname:/etc/hostname-of-the-box:ro"]
`);
    await comesUp(name, folder, port);
    const somebody = await claimed(box);
    return { box, folder, name, port, somebody, page: somebody.page, watch: somebody.watch };
  },
  async teardown({ box, folder, name }) {
    await engine("DELETE", `/containers/${name}-web-1?force=true`).catch(() => {});
    await box.gone();
    await rm(folder, { recursive: true, force: true });
  },
  failed: lookAround,
});

test("a project that runs without the box is listed, with what taking it over would do", async ({ page, name, somebody, watch }) => {
  await page.goto("/apps");
  await page.getByRole("link", { name: "Compose projects" }).click();
  await page.getByRole("heading", { name: "Compose projects", level: 1 }).waitFor();
  assert.deepEqual(await look(somebody, "adopt-1-list"), []);
  await page.getByRole("link", { name }).first().click();
  await page.getByRole("heading", { name: `Take over ${name}` }).waitFor();
  const said = await page.locator("main").innerText();
  for (const part of ["site is copied into the volume", "/etc/hostname", "INPUT_API_TOKEN"]) assert.ok(said.includes(part), `${part}: ${said}`);
  assert.ok(!said.includes("a-token-that-is-secret"), said);
  assert.deepEqual(await look(somebody, "adopt-2-plan"), []);
  watch.clean();
});

test("another text can be given, and one that is wrong is said beside its field", async ({ page, somebody, watch }) => {
  await page.getByLabel("Compose file").fill("services: [");
  await page.getByRole("button", { name: "Look again" }).click();
  await page.locator("#compose-error, [id$=compose-error], .field-error").first().waitFor();
  assert.deepEqual(await look(somebody, "adopt-3-wrong"), []);
  await page.getByLabel("Compose file").fill("services: {web: {build: .}}");
  await page.getByRole("button", { name: "Look again" }).click();
  await page.getByText("It cannot be taken over yet").waitFor();
  assert.ok(await page.getByRole("button", { name: "Take it over" }).isDisabled());
  await page.getByLabel("Compose file").fill("");
  await page.getByRole("button", { name: "Look again" }).click();
  await page.getByText("is copied into the volume").first().waitFor();
  watch.clean();
});

test("it is taken over, and is an app like any other", async ({ box, page, name, port, somebody, watch }) => {
  await page.getByLabel("Name").fill("Old shop");
  const app = box.app("shop");
  await page.getByLabel("Id").fill(app);
  await page.getByRole("button", { name: "Take it over" }).click();
  await page.waitForURL(/\/jobs\/[^/]+$/);
  await jobEnds(somebody);
  const answer = await fetch(`http://127.0.0.1:${port}/site/index.html`);
  assert.equal(await answer.text(), "the site\n");
  assert.equal((await engine("GET", `/containers/${name}-web-1/json`).catch(() => null))?.State, undefined);
  await page.goto(`/apps/${app}`);
  await page.locator("main").getByText("Running").first().waitFor();
  assert.deepEqual(await look(somebody, "adopt-4-app"), []);
  await page.goto("/adopt");
  await page.getByText("No Compose projects").or(page.getByRole("table")).first().waitFor();
  assert.ok(!(await page.locator("main").innerText()).includes(name));
  watch.clean();
}, { limit: 180_000 });
