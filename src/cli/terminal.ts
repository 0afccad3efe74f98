/**
 * Progress on stderr: a live line on a terminal, plain lines elsewhere.
 *
 * Owns: what is written while an operation works. Leaves to others: its result (src/cli/render/report.ts).
 */

import type { ProgressEvent } from "../index.ts";
import { visible } from "../system/names.ts";
import { count, duration, size } from "./render/text.ts";

export interface Screen {
	isTTY?: boolean;
	columns?: number;
	write(text: string): unknown;
}

export class Terminal {
	readonly #screen: Screen;
	readonly #live: boolean;
	readonly #colour: boolean;
	#began = 0;
	#drawn = 0;
	#lineOpen = false;

	constructor(screen: Screen, environment: Readonly<Record<string, string | undefined>>) {
		this.#screen = screen;
		this.#live = (screen.isTTY ?? false) && environment.TERM !== "dumb";
		this.#colour = this.#live && !environment.NO_COLOR;
	}

	readonly onProgress = (event: ProgressEvent): void => {
		const now = performance.now();
		if (event.state === "start") this.#start(event, now);
		else if (event.state === "running") this.#running(event, now);
		else this.#end(event, now);
	};

	readonly onWarning = (message: string): void => {
		this.#clear();
		this.#screen.write(`${this.#paint("33", "warning:")} ${visible(message)}\n`);
	};

	/** Takes a half-drawn line away. */
	close(): void {
		this.#clear();
	}

	#start({ step, label }: ProgressEvent, now: number): void {
		this.#began = now;
		this.#drawn = 0;
		if (this.#live) this.#draw(`  ${step}: ${label}`);
	}

	#running(event: ProgressEvent, now: number): void {
		if (!this.#live || now - this.#drawn < 100) return;
		this.#drawn = now;
		this.#draw(`  ${event.step}: ${this.#amount(event, (now - this.#began) / 1000)}  ${event.label}`);
	}

	#end({ step, label, state, result }: ProgressEvent, now: number): void {
		this.#clear();
		const took = duration((now - this.#began) / 1000);
		const mark = state === "done" ? this.#paint("32", "✓") : this.#paint("31", "✗");
		const what = result === undefined ? label : `${label}: ${result}`;
		this.#screen.write(`${mark} ${step}: ${visible(what)} (${took})\n`);
	}

	#amount({ done = 0, total, unit }: ProgressEvent, seconds: number): string {
		const show = unit === "entries" ? count : size;
		const rate = seconds > 0.5 ? `, ${show(Math.round(done / seconds))}/s` : "";
		if (!total) return `${show(done)}${rate}`;
		const share = Math.min(1, done / total);
		const left = seconds > 2 && share > 0.02 ? `, ${duration((seconds / share) * (1 - share))} left` : "";
		return `${Math.floor(share * 100)} % of ${show(total)}${rate}${left}`;
	}

	#draw(line: string): void {
		const text = visible(line);
		const width = Math.max(20, (this.#screen.columns || 80) - 1);
		const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
		this.#screen.write(`\r\u001b[K${cut}`);
		this.#lineOpen = true;
	}

	#clear(): void {
		if (this.#lineOpen) this.#screen.write("\r\u001b[K");
		this.#lineOpen = false;
	}

	#paint(colour: string, text: string): string {
		return this.#colour ? `\u001b[${colour}m${text}\u001b[0m` : text;
	}
}
