export interface Row {
	id: string;
	count: string;
	title: string;
	reason: string;
}
export function written(title: string): string;
export function read(text?: string): Row[];
export function faults(rows: readonly Row[]): string[];
export function missing(rows: readonly Row[], titles: readonly string[]): Row[];
export function unlisted(rows: readonly Row[], titles: readonly string[]): string[];
export function newId(title: string, taken: ReadonlySet<string>): string;
