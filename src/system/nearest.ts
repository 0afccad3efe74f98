/**
 * The name that a mistyped one was meant to be. Distance: insert, delete, replace, swap neighbours; letter case is ignored.
 * Makes no system calls.
 */

/** undefined where nothing is near. The first of equally near names counts. */
export function nearestName(wanted: string, names: Iterable<string>): string | undefined {
	const upper = wanted.toUpperCase();
	let best: string | undefined;
	let least = Math.min(2, Math.floor(wanted.length / 3)) + 1;
	for (const name of names) {
		if (Math.abs(name.length - wanted.length) >= least) continue;
		const distance = editDistance(upper, name.toUpperCase(), least);
		if (distance < least) [best, least] = [name, distance];
	}
	return best;
}

/** At least `limit` is as good as infinite: such names are left early. */
function editDistance(a: string, b: string, limit: number): number {
	let before: number[] = [];
	let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		let least = i;
		for (let j = 1; j <= b.length; j++) {
			const cost = a[i - 1] === b[j - 1] ? 0 : 1;
			const at = (list: readonly number[], index: number): number => list[index] as number;
			let value = Math.min(at(previous, j) + 1, at(row, j - 1) + 1, at(previous, j - 1) + cost);
			const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
			if (swapped) value = Math.min(value, at(before, j - 2) + 1);
			row.push(value);
			least = Math.min(least, value);
		}
		if (least >= limit) return limit;
		[before, previous] = [previous, row];
	}
	return previous[b.length] as number;
}
