/** Programs of build/Release that only tests use: see the heads of native/testing/*.cpp. */

import { join } from "node:path";

const built = (name: string): string => join(import.meta.dirname, "../../build/Release", name);

/** The verbs in a program without Node. */
export const drive: string = built("drive");
/** Makes system calls fail. */
export const deny: string = built("deny");
