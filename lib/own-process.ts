/** What other processes that this one starts have to know of it. */

/** What of this process's own flags a child needs: permissions, certificates, the size of its heap. Debuggers and hooks are the parent's. */
const INHERITED =
  /^--(?:permission|experimental-permission|allow-|max-old-space-size|max-semi-space-size|use-system-ca|use-openssl-ca|use-bundled-ca)/;

export const inheritedFlags = (): string[] => process.execArgv.filter((flag) => INHERITED.test(flag));

/** Whether the program and its Node are one file, so that process.execPath starts the program. */
export function isSingleExecutable(): boolean {
  // Node 20.9 has no such module.
  const { getBuiltinModule } = process as { getBuiltinModule?: ((name: string) => unknown) | undefined };
  const sea = getBuiltinModule?.("node:sea") as { isSea?: () => boolean } | undefined;
  return sea?.isSea?.() === true;
}
