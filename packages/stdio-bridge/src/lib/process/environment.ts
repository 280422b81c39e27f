/** What a child may inherit: enough to find programs, a home and a language, and nothing that holds a secret. */
const inherited =
  process.platform === 'win32'
    ? 'APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA PATH PATHEXT PROCESSOR_ARCHITECTURE PROGRAMDATA PROGRAMFILES SYSTEMDRIVE SYSTEMROOT TEMP TMP USERNAME USERPROFILE WINDIR'
    : 'HOME LANG LC_ALL LC_CTYPE LOGNAME PATH SHELL TERM TMPDIR TZ USER'

/** The whole environment of a child: the few inherited names, then what was configured. */
export function childEnvironment(configured: Readonly<Record<string, string>>): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of inherited.split(' ')) {
    const value = process.env[name]
    // A value that begins like this is a shell function (CVE-2014-6271)
    if (value !== undefined && !value.startsWith('()')) environment[name] = value
  }
  return { ...environment, ...configured }
}
