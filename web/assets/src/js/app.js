// The script of every page: htmx with its nonce gate, and small islands around it. Each island listens on the document, so
// it goes on working when htmx puts new content in. None of them writes HTML or style text: the content security policy
// and trusted types forbid it.

import "htmx.org/dist/htmx.esm.js";
import "htmx.org/dist/ext/hx-csp.js";
import "./morph.js";
import "./press.js";
import "./navigate.js";
import "./live.js";
import "./log.js";
import "./time.js";
import "./toast.js";
import "./sheet.js";
import "./palette.js";
import "./keys.js";
import "./preferences.js";
import "./table.js";
import "./field.js";
import "./copy.js";
