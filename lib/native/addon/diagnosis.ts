/** Why an addon did not load, and what to do: each system's loader says the same things in other words. */
import { cpus } from "node:os";

import { messageOf, systemCode } from "../../errors";
import { glibcVersion } from "./platform";

interface Diagnosis {
  /** what the error says, or its code */
  text: RegExp;
  cause: (text: string) => string;
  fix: string;
}

/** How a fix starts that needs a compiler. */
export const FROM_SOURCE = "build it here from source";
const ANEW = "delete node_modules and install on the system that runs it";

const DIAGNOSES: Diagnosis[] = [
  {
    text: /ERR_DLOPEN_DISABLED/,
    cause: () => "Node's permission model allows no native addons, of which sharp, which reads pictures, is one too",
    fix: "start node with --allow-addons",
  },
  {
    text: /ERR_ACCESS_DENIED/,
    cause: () => "Node's permission model does not let this process read it",
    fix: "start node with --allow-fs-read for the package's folder",
  },
  {
    text: /GLIBC_(\d[\d.]*)/,
    cause: (text) =>
      `it needs glibc ${/GLIBC_(\d[\d.]*)/.exec(text)?.[1] ?? ""}, and this system has ${glibcVersion() ?? "another C library"}`,
    fix: `${FROM_SOURCE}, or use a newer system (prebuilt addons need glibc 2.28)`,
  },
  {
    text: /GLIBCXX_|CXXABI_|libstdc\+\+\.so|libgcc_s\.so/,
    cause: () => "the C++ library that it was built with is newer than this system's, or missing here",
    fix: `${FROM_SOURCE}, or install libstdc++`,
  },
  {
    text: /libc\.musl|ld-musl|ld-linux|Error relocating|libc\.so\.6/,
    cause: () => "it is for the other C library: glibc in place of musl, or the other way round",
    fix: ANEW,
  },
  {
    text: /\blib[\w+.-]+\.so[.\d]*: cannot open shared object file/,
    cause: (text) => `this system lacks ${/\blib[\w+.-]+\.so[.\d]*/.exec(text)?.[0] ?? "a library"}, which it needs`,
    fix: `${FROM_SOURCE}, or install that library`,
  },
  {
    text: /failed to map segment|Operation not permitted|EPERM|EACCES|Permission denied|cannot enable executable stack/i,
    cause: () =>
      "the system does not let this process run code from that folder: the file system is mounted noexec, or SELinux, AppArmor or the file's rights forbid it",
    fix: "move the package to another folder, or allow it there",
  },
  {
    text: /code signature|library load disallowed|not valid for use in process|quarantine/i,
    cause: () => "macOS blocks it, because it came from the network by another way than npm",
    fix: "xattr -dr com.apple.quarantine on the package's folder, or install it with npm",
  },
  {
    text: /Application Control|blocked by group policy|blocked this file|virus|0x800711c7/i,
    cause: () => "a policy of Windows, or a virus scanner, blocks it",
    fix: "allow the file there; the package's prebuilds/manifest.json has its SHA-256",
  },
  {
    text: /incompatible architecture|wrong architecture|mach-o, but|need 'x86_64'|need 'arm64'/i,
    cause: () => underRosetta() ?? "it is for another processor: node_modules was copied between systems",
    fix: `install Node for this Mac's own processor, then ${ANEW}`,
  },
  {
    text: /wrong ELF class|invalid ELF|not a valid Win32|mach-o|slice is not valid|Exec format error|cannot open shared object file: No such file/i,
    cause: () => "it is for another system or damaged: node_modules was copied between systems, or a download was cut",
    fix: ANEW,
  },
  {
    text: /file too short|ELF load command|is truncated|past end of file/i,
    cause: () => "the file is damaged, for example by a download that was cut",
    fix: "delete node_modules and install anew",
  },
  {
    text: /specified module could not be found|specified procedure could not be found/i,
    cause: () => "Windows finds a part of it nowhere: the program may be no Node, and have none of its functions",
    fix: "start it with node.exe or Electron, of Node 20.9 or later",
  },
  {
    text: /Module did not self-register|napi|node_api|NODE_MODULE_VERSION/i,
    cause: () => "this Node lacks functions of Node-API 9",
    fix: "update Node to 20.9 or later",
  },
];

/** Node for Intel on a Mac with ARM, where every addon would have to be Intel's. */
function underRosetta(): string | undefined {
  return process.platform === "darwin" && process.arch === "x64" && (cpus()[0]?.model.startsWith("Apple") ?? false)
    ? "this Node is for Intel and runs under Rosetta, on a Mac with an ARM processor"
    : undefined;
}

/** In words, with the fix; undefined for an error that is not known. */
export function diagnose(error: unknown): { cause: string; fix: string } | undefined {
  const text = `${systemCode(error)} ${messageOf(error)}`;
  const found = DIAGNOSES.find((diagnosis) => diagnosis.text.test(text));
  return found === undefined ? undefined : { cause: found.cause(text), fix: found.fix };
}
