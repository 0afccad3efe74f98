/** A /dev/log of the test's own. */

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, symlinkSync, unlinkSync } from "node:fs";
import { onTestFinished } from "vitest";
import type { Sandbox } from "./helper.ts";

/** What is sent to syslog while the test runs, one line each. */
export function syslogLines(box: Sandbox): () => string[] {
	const [socket, lines] = [box.path("log.socket"), box.path("log.lines")];
	const code = `import socket,sys
s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); s.bind(sys.argv[1])
o=open(sys.argv[2],"ab",0)
while True: o.write(s.recv(65536).rstrip(b"\\0\\n")+b"\\n")`;
	const server = spawn("python3", ["-c", code, socket, lines], { stdio: "ignore" });
	execFileSync("sh", ["-c", 'while [ ! -S "$1" ] || [ ! -e "$2" ]; do sleep 0.05; done', "sh", socket, lines]);
	chmodSync(socket, 0o666);
	const made = !existsSync("/dev/log");
	if (made) symlinkSync(socket, "/dev/log");
	else execFileSync("mount", ["--bind", socket, execFileSync("realpath", ["/dev/log"], { encoding: "utf8" }).trim()]);
	onTestFinished(() => {
		server.kill();
		if (made) unlinkSync("/dev/log");
		else execFileSync("umount", [execFileSync("realpath", ["/dev/log"], { encoding: "utf8" }).trim()]);
	});
	return () => {
		execFileSync("sleep", ["0.2"]);
		return readFileSync(lines, "latin1").split("\n").filter(Boolean);
	};
}
