import { envoyEmulator } from './envoy-emulator.js'
import { type ProxyKind, realProxies } from './real-proxies.js'
import { traefikEmulator } from './traefik-emulator.js'

/** Every proxy that has a recipe: the real ones that are installed, and the emulators. */
export const proxies: readonly ProxyKind[] = usable([...realProxies, traefikEmulator, envoyEmulator])

/** The real ones alone. */
export const installedProxies: readonly ProxyKind[] = usable(realProxies)

function usable(kinds: readonly ProxyKind[]): ProxyKind[] {
  return kinds.filter((kind) => {
    const missing = kind.missing()
    if (missing !== undefined) console.warn(`NOT TESTED: ${kind.name} (${missing})`)
    return missing === undefined
  })
}
