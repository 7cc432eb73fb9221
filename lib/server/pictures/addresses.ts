/** Which addresses are on the public internet: a server must not be talked into asking others of its own network. */
import { BlockList, isIP } from "node:net";

/** Of this machine, its network, and what is set aside. */
const CLOSED: Record<"ipv4" | "ipv6", readonly [string, number][]> = {
  ipv4: [
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
  ],
  // Of IPv6, 2000::/3 alone is given out; these are parts of it that reach elsewhere.
  ipv6: [
    ["2001::", 23],
    ["2001:db8::", 32],
    ["2002::", 16],
    ["3fff::", 20],
  ],
};

const closed = new BlockList();
for (const [family, nets] of Object.entries(CLOSED) as ["ipv4" | "ipv6", [string, number][]][])
  for (const [net, bits] of nets) closed.addSubnet(net, bits, family);
const given = new BlockList();
given.addSubnet("2000::", 3, "ipv6");

/** Whether an address may be asked for a picture. */
export function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !closed.check(address, "ipv4");
    case 6:
      return given.check(address, "ipv6") && !closed.check(address, "ipv6");
    default:
      return false;
  }
}
