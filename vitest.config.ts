import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@mcp-gateway/source'] },
  ssr: { resolve: { conditions: ['@mcp-gateway/source', 'node'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'examples/*/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/.next/**'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    unstubGlobals: true,
    restoreMocks: true,
    // `npm run coverage`: a figure to look at, no threshold. The processes that tests start are not in it.
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.test-d.ts'],
      reporter: ['text-summary', 'html'],
    },
  },
})
