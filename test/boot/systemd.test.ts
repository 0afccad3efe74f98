/** A real boot with systemd. */

import { it } from "vitest";
import { LIFE_MS, lifeOf } from "./support/scenario.ts";

it("systemd: mounted before login, again after a replacement, and gone at shutdown", {
	timeout: LIFE_MS,
}, async (test) => {
	await lifeOf("systemd", test);
});
