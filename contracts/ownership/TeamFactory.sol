// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IAssetRegistry, Publication} from "../interfaces/IAssetRegistry.sol";
import {ISplitterFactory} from "../interfaces/ISplitterFactory.sol";
import {ISafe, ISafeProxyFactory, ITeamFactory, Team} from "../interfaces/ITeamFactory.sol";

/// @title TeamFactory: puts teams together from parts that are not its own.
contract TeamFactory is ITeamFactory {
    /// The registry that teams publish in.
    IAssetRegistry public immutable registry;
    /// Makes the splitters.
    ISplitterFactory public immutable splitters;
    /// The published factory of Safes, the Safe that its proxies use, and their fallback handler.
    ISafeProxyFactory public immutable safeFactory;
    address public immutable safeSingleton;
    address public immutable safeFallbackHandler;

    address private immutable _self = address(this);

    constructor(
        IAssetRegistry registry_,
        ISplitterFactory splitters_,
        ISafeProxyFactory safeFactory_,
        address safeSingleton_,
        address safeFallbackHandler_
    ) {
        registry = registry_;
        splitters = splitters_;
        safeFactory = safeFactory_;
        safeSingleton = safeSingleton_;
        safeFallbackHandler = safeFallbackHandler_;
    }

    /// @inheritdoc ITeamFactory
    function createTeam(Team calldata team) external returns (address safe, address splitter) {
        return _create(team, _initializer(team, address(0), ""));
    }

    /// @inheritdoc ITeamFactory
    function createTeamAndPublish(Team calldata team, Publication calldata publication)
        external
        returns (address safe, address splitter)
    {
        return _create(team, _publishing(team, publication));
    }

    /// @inheritdoc ITeamFactory
    function teamOf(Team calldata team) external view returns (address safe, address splitter) {
        return (_safeOf(_initializer(team, address(0), ""), team.saltNonce), _splitterOf(team));
    }

    /// @inheritdoc ITeamFactory
    function publishingTeamOf(Team calldata team, Publication calldata publication)
        external
        view
        returns (address safe, address splitter)
    {
        return (_safeOf(_publishing(team, publication), team.saltNonce), _splitterOf(team));
    }

    /// @inheritdoc ITeamFactory
    function publishInSetup(Publication calldata publication) external {
        // The Safe delegates to this code: it is the Safe that calls the registry.
        if (address(this) == _self) revert NotInSetup();
        registry.publish(address(this), publication);
    }

    function _create(Team calldata team, bytes memory initializer)
        private
        returns (address safe, address splitter)
    {
        safe = _safeOf(initializer, team.saltNonce);
        if (safe.code.length == 0) {
            // Where it will be was computed: the factory makes it by CREATE2, and reverts if it cannot.
            safeFactory.createProxyWithNonce(safeSingleton, initializer, team.saltNonce);
        } else {
            bytes32 people = keccak256(abi.encode(team.owners, team.threshold));
            if (people != keccak256(abi.encode(ISafe(safe).getOwners(), ISafe(safe).getThreshold()))) {
                revert TeamHasChanged(safe);
            }
        }
        if (team.shares.length != 0) splitter = splitters.createSplitter(team.shares);
        emit TeamCreated(safe, splitter, team.owners, team.threshold);
    }

    function _splitterOf(Team calldata team) private view returns (address) {
        return team.shares.length == 0 ? address(0) : splitters.splitterOf(team.shares);
    }

    /// @dev As the factory computes it: the salt binds the initializer, and so the owners and the threshold.
    function _safeOf(bytes memory initializer, uint256 saltNonce) private view returns (address) {
        bytes32 salt = keccak256(abi.encodePacked(keccak256(initializer), saltNonce));
        bytes memory code = abi.encodePacked(safeFactory.proxyCreationCode(), uint256(uint160(safeSingleton)));
        return Create2.computeAddress(salt, keccak256(code), address(safeFactory));
    }

    /// @dev A Safe that publishes while it is set up, and is a plain Safe afterwards.
    function _publishing(Team calldata team, Publication calldata publication)
        private
        view
        returns (bytes memory)
    {
        Publication memory asset = publication;
        if (asset.payout == address(0)) asset.payout = _splitterOf(team);
        return _initializer(team, _self, abi.encodeCall(this.publishInSetup, (asset)));
    }

    /// @dev No modules and no payment.
    /// @param to What the Safe delegates to once while it is set up; zero for nothing.
    function _initializer(Team calldata team, address to, bytes memory data)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(
            ISafe.setup,
            (team.owners, team.threshold, to, data, safeFallbackHandler, address(0), 0, payable(address(0)))
        );
    }
}
