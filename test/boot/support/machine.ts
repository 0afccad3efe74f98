/**
 * An emulated machine (qemu without KVM) and its serial line: waits that end, a shell after login, and no process left.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { onTestFinished } from "vitest";

/** KSQUASH_BOOT_CONSOLE=FILE: all that the serial line says, as it is said. */
const transcript = process.env.KSQUASH_BOOT_CONSOLE;

export interface Hardware {
	kernel: string;
	initramfs: string;
	/** A raw file with an ext4: /dev/vda. */
	disk: string;
}

export interface Answer {
	status: number;
	output: string;
}

/** A wait ends when the line has been silent for so long; while it speaks, only the test's own limit counts. */
const SILENCE_S = 600;

export class Machine {
	/** All that the serial line said. */
	said = "";
	#spoke = Date.now();
	#read = 0;
	#commands = 0;
	#ended: number | string | undefined;
	#wake = (): void => undefined;
	readonly #child: ChildProcess;

	/** Call it inside a test: the machine ends with it. A reboot of the guest's is one of the machine's. */
	constructor({ kernel, initramfs, disk }: Hardware) {
		this.#child = spawn(
			"qemu-system-x86_64",
			[
				...["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"],
				...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1G"],
				...["-drive", `file=${disk},format=raw,if=virtio,cache=unsafe`],
				...["-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1"],
			],
			{ stdio: ["pipe", "pipe", "pipe"] },
		);
		const heard = (text: string): void => {
			this.said += text;
			this.#spoke = Date.now();
			if (transcript !== undefined) appendFileSync(transcript, text);
			this.#wake();
		};
		this.#child.stdout?.setEncoding("utf8").on("data", heard);
		this.#child.stderr?.setEncoding("utf8").on("data", heard);
		const end = (how: number | string): void => {
			this.#ended ??= how;
			this.#wake();
		};
		this.#child.once("error", (error) => end(error.message));
		this.#child.once("close", (status, signal) => end(status ?? signal ?? "?"));
		onTestFinished(() => void this.#child.kill("SIGKILL"));
	}

	/** What the line says next that fits; what came before it is passed over. Throws with the end of the line's text. */
	async hear(pattern: RegExp): Promise<RegExpExecArray> {
		return await this.#until(`${pattern}`, () => {
			const match = pattern.exec(this.said.slice(this.#read));
			if (match === null) {
				if (this.#ended !== undefined) throw this.#trouble(`ended (${this.#ended}) without ${pattern}`);
				return undefined;
			}
			this.#read += match.index + match[0].length;
			return match;
		});
	}

	/** Waits for the prompt and logs in. */
	async logIn(): Promise<void> {
		await this.hear(/\blogin: /);
		this.#type("root");
		await this.hear(/# $/);
		// The line's own echo would be taken for answers.
		this.#type("stty -echo; dmesg -n 1; PS1=; PS2=");
		await this.run("true");
	}

	/** Runs a command in the shell. */
	async run(command: string): Promise<Answer> {
		const number = ++this.#commands;
		this.#type(`echo "<<"${number}; { ${command}\n} 2>&1 </dev/null; echo ${number}" $?>>"`);
		await this.hear(new RegExp(`<<${number}\\r?\\n`));
		const match = await this.hear(new RegExp(`([^]*?)${number} (\\d+)>>`));
		return { output: (match[1] ?? "").replaceAll("\r", "").trim(), status: Number(match[2]) };
	}

	/** Runs a command that must succeed; its output. */
	async must(command: string): Promise<string> {
		const { status, output } = await this.run(command);
		if (status !== 0) throw new Error(`${command}: status ${status}\n${output}`);
		return output;
	}

	/** Types a command whose end cannot be awaited: what ends the machine. */
	order(command: string): void {
		this.#type(command);
	}

	/** Waits until it has switched itself off. */
	async off(): Promise<void> {
		const how = await this.#until("power off", () => this.#ended);
		if (how !== 0) throw this.#trouble(`ended (${how})`);
	}

	#type(line: string): void {
		this.#child.stdin?.write(`${line}\n`);
	}

	#trouble(what: string): Error {
		return new Error(`the machine ${what}. It said:\n${this.said.slice(-4000)}`);
	}

	async #until<T>(what: string, look: () => T | undefined): Promise<T> {
		const began = Date.now();
		for (;;) {
			const found = look();
			if (found !== undefined) return found;
			const left = Math.max(began, this.#spoke) + SILENCE_S * 1000 - Date.now();
			if (left <= 0) throw this.#trouble(`did not come to ${what}, and was silent for ${SILENCE_S} s`);
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, Math.min(left, 1000));
				this.#wake = () => {
					clearTimeout(timer);
					resolve();
				};
			});
		}
	}
}
