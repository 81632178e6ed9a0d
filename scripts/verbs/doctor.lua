--- `molbuild doctor ensure.lua [runtime...]`: everything that a run depends on, checked. Nothing is changed.
--- A fork adds checks of its own: ensure.doctor_checks = { { "mirror", function(machine) ... end } }

-- What a run needs for a job: in registry mode no more than the engine, which pulls, or nothing.
local function needs(job)
  if not job.registry then return "build" end
  return job.image_pull ~= "never" and "engine" or "nothing"
end

return {
  verb = function(ensure, args)
    local _, words = molbuild.arguments.parse(args, ensure.arguments().doctor, "--all")
    return molbuild.doctor.run(ensure, words, {
      needs = needs, findings = function() return molbuild.findings(ensure) end, native = "MOLECULE_IMAGE_PLATFORM=native",
    })
  end,
}
