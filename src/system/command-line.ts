/**
 * Commands that a person is told to type.
 *
 * Owns: that they work as they stand: quoted for a shell, and with the root that the work was done below.
 */

/** A word as a POSIX shell reads it back. */
export function shellWord(text: string): string {
	return /^[\w./=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** "ksquash mount 6.1", and where `root` is not "/": "ksquash mount 6.1 --root DIR". */
export function ksquashCommand(words: string, root = "/"): string {
	return `ksquash ${words}${root === "/" ? "" : ` --root ${shellWord(root)}`}`;
}
