/**
 * The image formats by name.
 */

import { erofs } from "./erofs.ts";
import type { FormatName, ImageFormat } from "./format.ts";
import { squashfs } from "./squashfs.ts";

export const formats: Readonly<Record<FormatName, ImageFormat>> = { squashfs, erofs };
