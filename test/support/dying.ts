/** One system call fails, and from then on every later one: the points of a trace where that can begin, and strace's words for it. */

export interface Death {
	/** The first call that fails, and which of its name it is. */
	syscall: string;
	when: number;
	/** How many of each call there were before it. */
	before: ReadonlyMap<string, number>;
}

/** One for each call of `watched`, in their order. The calls are those of one thread. */
export function deaths(calls: readonly string[], watched: readonly string[]): Death[] {
	const count = new Map<string, number>();
	return calls
		.filter((syscall) => watched.includes(syscall))
		.map((syscall) => {
			const before = new Map(count);
			const when = (count.get(syscall) ?? 0) + 1;
			count.set(syscall, when);
			return { syscall, when, before };
		});
}

/** strace's -e of it: each of `watched` fails from that moment on, with the name that `error` gives it. */
export function dying(death: Death, watched: readonly string[], error: (syscall: string) => string): string[] {
	return watched.map((syscall) => {
		const when = (death.before.get(syscall) ?? 0) + 1;
		return `inject=${syscall}:error=${error(syscall)}:when=${when}+`;
	});
}
