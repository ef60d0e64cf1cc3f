/** Which addresses are on the open internet, and which belong to this machine, its networks or its cloud. Pure. */
import type { BlockList } from "node:net";

/** IANA's registries of special-purpose addresses; what is not globally reachable stands here. */
const special4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // Azure's host, which answers inside its machines only.
  ["168.63.129.16", 32],
] as const;

/** What is not in 2000::/3 is not global; these are special within it. */
const special6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  // 6to4: an IPv4 address in disguise.
  ["2002::", 16],
  ["3fff::", 20],
] as const;

interface Lists {
  readonly special: BlockList;
  readonly global6: BlockList;
  /** IPv4 addresses in IPv6 form: mapped ones, and those of a NAT64 gateway, through which an IPv6-only machine reaches the rest. */
  readonly embedded: BlockList;
}

let made: Lists | undefined;

/** Made when they are first needed: every turn's process loads this file, and few ask for an address. */
function lists(): Lists {
  if (made !== undefined) return made;
  const net = process.getBuiltinModule("node:net");
  const special = new net.BlockList();
  for (const [network, bits] of special4) special.addSubnet(network, bits, "ipv4");
  for (const [network, bits] of special6) special.addSubnet(network, bits, "ipv6");
  const global6 = new net.BlockList();
  global6.addSubnet("2000::", 3, "ipv6");
  const embedded = new net.BlockList();
  embedded.addSubnet("::ffff:0:0", 96, "ipv6");
  embedded.addSubnet("64:ff9b::", 96, "ipv6");
  return (made = { special, global6, embedded });
}

/** Whether the address, without brackets and zone, is one of the open internet. Anything that is no address is not. */
export function isPublicAddress(address: string): boolean {
  const version = process.getBuiltinModule("node:net").isIP(address);
  const { special, global6, embedded } = lists();
  if (version === 4) return !special.check(address, "ipv4");
  if (version !== 6 || address.includes("%")) return false;
  if (embedded.check(address, "ipv6")) return isPublicAddress(lastFour(address));
  return global6.check(address, "ipv6") && !special.check(address, "ipv6");
}

/** The IPv4 address in the last 32 bits. */
function lastFour(address: string): string {
  const dotted = /(?<dotted>\d+\.\d+\.\d+\.\d+)$/.exec(address)?.groups?.["dotted"];
  if (dotted !== undefined) return dotted;
  // The URL parser writes every form the same way, with its last two groups in full.
  const groups = new URL(`http://[${address}]/`).hostname.slice(1, -1).split(":");
  const [high = "0", low = "0"] = groups.slice(-2).map((group) => (group === "" ? "0" : group));
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join(".");
}

/** Whether a host, as a URL holds it, is one of the allowed ones: by its name, or `*.example.com` for every name below. */
export function isAllowedHost(hostname: string, allow: readonly string[]): boolean {
  const host = plainHost(hostname);
  return allow.some((pattern) => {
    const wanted = plainHost(pattern);
    return wanted.startsWith("*.") ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1 : host === wanted;
  });
}

/** Without brackets, upper case and the dot that only says that the name is complete. */
export function plainHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(?<address>.*)\]$/, "$<address>")
    .replace(/\.+$/, "");
}
