-- sys/health, or whatever the URL names: wrk -s health.lua URL
dofile(os.getenv("BENCH_SCRIPTS") .. "/report.lua")
