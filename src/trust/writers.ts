/**
 * Who could write a file or directory besides root and the users that are expected to. Everything that asks whether a
 * place is safe asks here: inode(7), acl(5), group(5).
 */

import { constants } from "node:fs";
import { hasAcl } from "../native/verbs.ts";
import { run } from "../process/run.ts";

export interface Inode {
	uid: number;
	gid: number;
	mode: number;
}

/** Why a user other than root and `expected` could change what is at `path`; undefined where nobody else could. */
export async function whyWritable(
	path: string,
	{ uid, gid, mode }: Inode,
	expected: readonly number[],
): Promise<string | undefined> {
	if (uid !== 0 && !expected.includes(uid)) return `belongs to the user ${uid}`;
	const type = mode & constants.S_IFMT;
	// A link's own mode says nothing, and in a sticky directory (/tmp) nobody can rename or remove what is another's.
	if (type === constants.S_IFLNK || (type === constants.S_IFDIR && (mode & 0o1000) !== 0)) return undefined;
	if ((mode & 0o002) !== 0) return "can be written by others";
	if ((mode & 0o020) === 0) return undefined;
	const members = await membersOf(gid);
	if (members === undefined) return `can be written by others (the members of its group ${gid} are not known)`;
	const others = otherMembers(members, expected);
	if (others.length > 0) return `can be written by others (of its group ${gid}: ${others.slice(0, 5).join(", ")})`;
	// With an ACL the group's bit is the mask of all that is allowed: it says nothing of the group.
	return (await hasAcl(path).catch(() => true)) ? "can be written by others (it has an ACL)" : undefined;
}

/** Those of the groups that have no members but root and `expected`. */
export async function privateGroups(gids: readonly number[], expected: readonly number[]): Promise<number[]> {
	const found: number[] = [];
	for (const gid of new Set(gids)) {
		const members = await membersOf(gid);
		if (members !== undefined && otherMembers(members, expected).length === 0) found.push(gid);
	}
	return found;
}

export interface Member {
	name: string;
	/** undefined: no user of that name is known. */
	uid: number | undefined;
}

function otherMembers(members: readonly Member[], expected: readonly number[]): string[] {
	const isOther = ({ uid }: Member): boolean => uid === undefined || (uid !== 0 && !expected.includes(uid));
	return members.filter(isOther).map(({ name }) => name);
}

/**
 * Users whose primary group it is, and those in its list. undefined where the machine's own /etc/group has no such group,
 * or the user database cannot be read: a directory service may list neither users nor members.
 */
async function membersOf(gid: number): Promise<Member[] | undefined> {
	try {
		// getent(1): -s files asks /etc/group alone.
		const own = await readDatabase("group", String(gid), "-s", "files");
		if (groupMembers(own, [], gid) === undefined) return undefined;
		const groups = [...(await readDatabase("group")), ...(await readDatabase("group", String(gid)))];
		const users = await readDatabase("passwd");
		const unknown = unknownNames(groups, users, gid);
		for (const name of unknown) users.push(...(await readDatabase("passwd", name)));
		return groupMembers(groups, users, gid);
	} catch {
		return undefined;
	}
}

async function readDatabase(database: "group" | "passwd", key?: string, ...options: string[]): Promise<string[]> {
	const words = [...options, database, ...(key === undefined ? [] : [key])];
	// 2: there is no such entry.
	const { stdout } = await run("getent", words, { okStatus: key === undefined ? [0] : [0, 2] });
	return stdout.toString("latin1").split("\n");
}

function unknownNames(groups: readonly string[], users: readonly string[], gid: number): string[] {
	const members = groupMembers(groups, users, gid) ?? [];
	return members.filter(({ uid, name }) => uid === undefined && /^\w/.test(name)).map(({ name }) => name);
}

/** From lines of group(5) and passwd(5). Several groups may have one number: each of them counts. */
export function groupMembers(groups: readonly string[], users: readonly string[], gid: number): Member[] | undefined {
	const lists = groups.map((line) => line.split(":")).filter(([name, , number]) => name && number === String(gid));
	if (lists.length === 0) return undefined;
	const known = users.map((line) => line.split(":")).filter(([name, , uid]) => name && /^\d+$/.test(uid ?? ""));
	const members = new Map<string, number | undefined>();
	for (const [name = "", , uid, primary] of known) if (primary === String(gid)) members.set(name, Number(uid));
	for (const name of lists.flatMap(([, , , list = ""]) => list.split(",")).filter((one) => one !== "")) {
		const uid = known.find(([other]) => other === name)?.[2];
		members.set(name, uid === undefined ? undefined : Number(uid));
	}
	return [...members].map(([name, uid]) => ({ name, uid }));
}
