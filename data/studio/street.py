def build_street(settings, scene):
    pass
