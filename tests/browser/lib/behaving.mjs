// An app that is well or ill as files in its data say, as an extension of one's own: `local/web`.

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

/** A web server that does as files in its data say. */
const BEHAVES = "test ! -e /data/leak || echo connecting with $TOKEN; test ! -e /data/mute || exec sleep 100000; "
  + "if test -e /data/hungry; then rm /data/hungry; tail /dev/zero; fi; exec httpd -f -h /www -p 80";

const manifest = (image) => `services:
  web:
    image: ${image}
    restart: unless-stopped
    entrypoint: ${JSON.stringify(["sh", "-c", BEHAVES.replaceAll("$", "$$$$")])}
    environment: {TOKEN: "\${SECRET_TOKEN}"}
    ports: ["\${INPUT_PORT}:80"]
    volumes: ["data:/data"]
    healthcheck: {test: [CMD, "true"], interval: 5s, timeout: 2s, retries: 2, start_period: 1s}
    mem_limit: 64m
    cap_drop: [ALL]
    pids_limit: 50
    stop_grace_period: 1s
volumes: {data: {}}

x-orbitr:
  schema: 1
  id: web
  version: "1"
  revision: 1
  os: ">=0.1"
  meta:
    name: Web
    summary: A small service for tests
    category: web
    icon: icon.svg
    license: Apache-2.0
    links: {website: "https://example.com", source: "https://example.com"}
    status: working
  arch: [amd64, arm64]
  instances: many
  resources: {memory: {min: 32Mi, recommended: 64Mi}, cpu: {min: 0.1}, disk: {install: 10Mi, data: 10Mi}}
  services: {web: main}
  inputs:
    port: {type: port, label: Port, help: Where it is reached., preferred: 18080}
  secrets:
    token: {kind: alnum, length: 32, rotate: restart}
  volumes:
    data: {class: data, on_remove: ask}
  permissions: []
  health: {service: web, port: 80, protocol: http, path: /, expect: {status: 200}, grace: 15s, interval: 10s}
  tests: {install: {}}
`;

/** Puts the extension into this folder; it runs this image. */
export async function behaving(folder, image) {
  await mkdir(path.join(folder, "web"), { recursive: true });
  await writeFile(path.join(folder, "web/extension.yaml"), manifest(image));
  await writeFile(path.join(folder, "web/icon.svg"), '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8H0z"/></svg>');
}
